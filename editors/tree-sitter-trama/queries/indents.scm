; What is indented, and what ends it.
[
  (element)
  (network)
  (record)
  (enum)
  (inputs)
  (test)
  (fold)
  (header_declaration)
  (block)
  (match)
  (arguments)
  (parameters)
  (values)
  (list)
  (record_value)
  (header_literal)
] @indent.begin
["}" ")" "]"] @indent.branch @indent.end
