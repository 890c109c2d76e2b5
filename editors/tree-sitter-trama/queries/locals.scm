; Scopes, and what is bound in them.

(source_file) @local.scope
(element) @local.scope
(network) @local.scope
(function) @local.scope
(handler) @local.scope
(block) @local.scope
(for) @local.scope
(arm) @local.scope
(if) @local.scope

(parameter name: (identifier) @local.definition)
(function_parameter name: (identifier) @local.definition)
(constant name: (identifier) @local.definition)
(state name: (identifier) @local.definition)
(handler packet: (identifier) @local.definition)
(handler_port index: (identifier) @local.definition)
(for name: (identifier) @local.definition)
(let pattern: (identifier) @local.definition)
(if pattern: (variant_pattern (identifier) @local.definition))
(let pattern: (variant_pattern (identifier) @local.definition))
(let pattern: (tuple_pattern (identifier) @local.definition))
(arm pattern: (variant_pattern (identifier) @local.definition))
(instance_declaration name: (identifier) @local.definition)

(identifier) @local.reference
