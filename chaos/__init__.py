"""Harms the real service at every step of delivery and checks what it promised (docs/chaos.md).

A package of its own on top of everything, imported by tests alone: production code holds no hook for it. The
processes under test run entry modules from here that wrap functions of the real ones before they start.
"""
