"""How fast the service is beside what the machine allows and what one would pick instead; `make bench`.

Every figure is a ratio or stands beside its reference, both measured in the same run, repeated, with their spread.
None of it is imported by the service.
"""
