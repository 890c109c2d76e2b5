; What can be folded.
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
  (block_comment)
] @fold
