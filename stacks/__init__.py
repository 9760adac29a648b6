"""The wiring: one stack per lifecycle. A stack composes, a construct of ``stacks.constructs`` builds."""
