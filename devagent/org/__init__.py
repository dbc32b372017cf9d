"""Floor 2: an organisation's signed policy bundles, on the machines that they govern and where they are made.

On a session's way are ``pin``, ``trusted``, ``in_force`` and what they stand on: bytes in, a verified bundle or a
refusal out, with ``cryptography`` alone. ``python-tuf`` is loaded by ``refresh`` (a machine fetches) and ``repository`` (an
administrator signs), which nothing imports before it is needed.
"""
