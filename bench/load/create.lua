-- wrk: creates objects with unique names. KIND=pods|configmaps TOKEN=... RUN=prefix
local kind, token, run = os.getenv("KIND"), os.getenv("TOKEN"), os.getenv("RUN")
local filler = string.rep("f", 400)
local count = 0

local function pod(name)
  return '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"' .. name .. '","labels":{"app":"bench"}},"spec":{"containers":[{"name":"main",'
    .. '"image":"registry.test/app:1","command":["/bin/sleep","3600"],"env":[{"name":"ONE","value":"1"},{"name":"TWO","value":"' .. filler .. '"}],'
    .. '"ports":[{"containerPort":8080}],"resources":{"requests":{"cpu":"10m","memory":"16Mi"},"limits":{"memory":"32Mi"}},'
    .. '"readinessProbe":{"httpGet":{"path":"/","port":8080}}}]}}'
end

local function configmap(name)
  return '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"' .. name .. '"},"data":{"key":"' .. filler .. '"}}'
end

function request()
  count = count + 1
  local name = run .. "-" .. count
  local body = kind == "pods" and pod(name) or configmap(name)
  return wrk.format("POST", "/api/v1/namespaces/default/" .. kind,
    { ["Content-Type"] = "application/json", ["Authorization"] = "Bearer " .. token }, body)
end

function done(summary, latency)
  io.write(string.format("%.0f %.2f %.2f %d\n", summary.requests / summary.duration * 1e6, latency:percentile(50) / 1000,
    latency:percentile(99) / 1000, summary.errors.status))
end
