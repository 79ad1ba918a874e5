"""Stand-in platforms: test doubles that speak a platform's wire protocol, for tests and for `make run`.

They listen on 127.0.0.1 only, and can be told to repeat, delay, refuse and lose. `wire` is the one server, `faults`
what goes wrong, `delivery` how hooks are called, `standin` and `page` what citizens see; each platform is a package of
the same shape: what stands there, and `standin` with the API over it. `region` says which pages they show, `command`
runs them.
"""
