; What is shown in which colour. Later patterns win.

(identifier) @variable
(type_identifier) @type
(header) @type.builtin
(number) @number
(address) @constant
(boolean) @boolean
(string) @string
(byte_string) @string
(interpolated_string) @string
(text) @string
(escape) @string.escape
(interpolation ["{" "}"] @punctuation.special)
(line_comment) @comment
(block_comment) @comment
(doc_comment) @comment.documentation

[
  "import" "const" "record" "enum" "fn" "element" "network" "inputs" "test" "port" "state" "on"
  "init" "every" "expect" "at" "let" "mut" "send" "copy" "to" "drop" "because" "insert" "into"
  "remove" "from" "log" "alert" "limit" "nothing" "hex" "packet" "oldest" "expire" "evict" "rate"
  "burst" "members" "fold" "query" "packets" "where" "map" "flat_map" "distinct" "group" "until"
  "window" "top" "by" "join" "within" "each" "change" "close" "header" "after" "event" "stream"
  "generate" "emit" "patterns" "nocase" "offset" "depth" "update" "conservative" "error" "seed"
  "replace" "with"
] @keyword

["if" "else" "match"] @keyword.conditional
["for" "in" "break" "continue"] @keyword.repeat
["return"] @keyword.return
["as" "is"] @keyword.operator

[
  "=" "+=" "-=" "*=" "/=" "%=" "&=" "|=" "^=" "<<=" ">>=" "==" "!=" "<" "<=" ">" ">=" "&&" "||"
  "+" "-" "*" "/" "%" "&" "|" "^" "<<" ">>" "!" ".." "..=" "->" "<->" "<-" "=>" "|>"
] @operator
["(" ")" "[" "]" "{" "}"] @punctuation.bracket
["," "." ":" ";"] @punctuation.delimiter

(constant name: (identifier) @constant)
(function name: (identifier) @function)
(call function: (identifier) @function.call)
((call function: (identifier) @function.builtin)
  (#any-of? @function.builtin "hash" "min" "max" "load" "Some"))
(method_call method: (identifier) @function.method.call)
(element name: (identifier) @type.definition)
(network name: (identifier) @type.definition)
(record name: (type_identifier) @type.definition)
(enum name: (type_identifier) @type.definition)
(fold name: (identifier) @function)
(query name: (identifier) @type.definition)
(event name: (identifier) @function)
(stream name: (identifier) @variable.member)
(patterns name: (identifier) @variable.member)
(variant name: (identifier) @constructor)
(variant_pattern name: (identifier) @constructor)
(instance of: (identifier) @type)
(parameter name: (identifier) @variable.parameter)
(function_parameter name: (identifier) @variable.parameter)
(handler packet: (identifier) @variable.parameter)
(argument name: (identifier) @variable.parameter)
(field name: (identifier) @property)
(field_value field: (identifier) @property)
(field_access field: (identifier) @property)
(state name: (identifier) @variable.member)
(port name: (identifier) @label)
(handler_port port: (identifier) @label)
(send port: (identifier) @label)
(packet_step port: (identifier) @label)
(stop port: (identifier) @label)
((identifier) @variable.builtin (#any-of? @variable.builtin "now" "None"))
