"""JSON Schema of Start variables: from any source, validated, with problems in words."""
