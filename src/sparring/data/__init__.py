"""Floor 1, data: from a person's files to a memory-mapped store of checked pictures.

`source.open_source` lists what lies at a name or path, `inspection.inspect` looks at all of it, `store.prepare` makes a `Store`.
"""
