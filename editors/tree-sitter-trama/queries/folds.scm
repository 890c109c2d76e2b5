; What can be folded.
[
  (element)
  (network)
  (record)
  (enum)
  (inputs)
  (test)
  (block)
  (match)
  (block_comment)
] @fold
