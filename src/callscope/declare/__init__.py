"""Declaration of traceable hierarchies: decorators, `instrument`, registry and options."""
