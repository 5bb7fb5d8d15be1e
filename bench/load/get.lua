-- wrk: reads TARGET. TARGET=/path TOKEN=...
local path, token = os.getenv("TARGET"), os.getenv("TOKEN")
local headers = { ["Accept"] = "application/json", ["Authorization"] = "Bearer " .. token }

function request() return wrk.format("GET", path, headers) end

function done(summary, latency)
  io.write(string.format("%.1f %.2f %.2f %d %.1f\n", summary.requests / summary.duration * 1e6, latency:percentile(50) / 1000,
    latency:percentile(99) / 1000, summary.errors.status, summary.bytes / summary.duration))
end
