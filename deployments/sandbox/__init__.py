"""The outside world in one process: a shop platform, payment service, carrier, SMS provider and staff webhook that
behave, or misbehave when told to, and keep a ledger of their own of everything kefu had them do.

For trying kefu out (`kefu sandbox`) and for tests that compare that ledger with kefu's rows. It shares no code with
kefu's gateways, not even the signatures: what both got wrong in one place would look right.
"""
