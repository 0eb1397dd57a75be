"""JSON Schema of Start variables: built from any source, validated, with readable error messages."""
