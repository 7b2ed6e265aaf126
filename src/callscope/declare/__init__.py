"""Declaration of what may be traced: decorators, `instrument`, the registry and the options."""
