"""A state on a screen: its paths, the rules over it, the machines that go over it."""
