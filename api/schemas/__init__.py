"""What the API answers and is asked, as typed documents, a module a noun; the OpenAPI file is generated from these."""
