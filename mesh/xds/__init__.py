"""Distribution: each connected proxy gets the resources compiled for it, and says what it thinks of them.

kinds      the resource types, and the order in which they are pushed
snapshot   one proxy's resources at one moment, with versions that depend on content only
wire       DeltaDiscoveryRequest and -Response as JSON lines
session    one stream's state: subscriptions, what was sent, what was acknowledged (pure)
node       who a proxy says it is, held against its certificate
source     informers -> MeshState
debounce   when to stop waiting for more changes (pure)
pusher     MeshState -> a snapshot for each stream
stream     /v3/ads: a session with a connection
poll       /v3/discovery:*: state of the world for a real Envoy
withdraw   /v3/withdraw: a pod leaves every proxy's endpoints before it stops
"""
