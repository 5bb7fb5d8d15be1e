import type { EndpointSlice, Service } from '@slipway/api/types';
import { ObjectCache } from '@slipway/client/cache';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { aService, aSlice } from './builders.ts';
import { HealthCheckPorts } from './health-check-ports.ts';

describe('healthCheckNodePort', () => {
  const taken = createServer();
  let port = 0;
  const told: string[] = [];
  const services = new ObjectCache<Service>();
  const endpointSlices = new ObjectCache<EndpointSlice>();
  const events = { record: ({ reason }: { readonly reason: string }) => void told.push(reason) };
  const stop = new AbortController();
  let running: Promise<void>;
  let version = 1n;
  const tell = (nodeName: string, healthCheckNodePort: number, externalTrafficPolicy = 'Local') => {
    version++;
    const spec = { type: 'LoadBalancer', externalTrafficPolicy, healthCheckNodePort };
    const service = aService({ clusterIp: '10.96.0.9', spec });
    services.replace([{ ...service, metadata: { ...service.metadata, resourceVersion: String(version) } }], version);
    endpointSlices.replace([aSlice({ addresses: ['10.64.0.2', '10.64.0.3'], nodeName, version })], version);
  };
  const ask = async () => {
    const response = await fetch(`http://127.0.0.1:${port}/healthz`);
    return {
      status: response.status,
      weight: response.headers.get('x-load-balancing-endpoint-weight'),
      body: await response.json(),
    };
  };
  const eventually = async (check: () => Promise<void>) => {
    for (let i = 0; ; i++) {
      try {
        return await check();
      } catch (error) {
        if (i > 100) throw error;
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
  };

  beforeAll(async () => {
    await new Promise<void>((resolve) => taken.listen(0, resolve));
    port = (taken.address() as AddressInfo).port;
    running = new HealthCheckPorts({ services, endpointSlices, events }, { nodeName: 'node-a' }).run(stop.signal);
  });
  afterAll(async () => {
    stop.abort();
    await running;
  });

  it('tells when the port is taken, answers for local pods, and closes', async () => {
    tell('node-a', port);
    await eventually(async () => expect(told).toEqual(['FailedToStartServiceHealthcheck']));
    tell('node-a', port, 'Cluster');
    await new Promise((resolve) => taken.close(resolve));
    tell('node-a', port);
    const service = { namespace: 'default', name: 'web' };
    await eventually(async () =>
      expect(await ask()).toEqual({
        status: 200,
        weight: '2',
        body: { service, localEndpoints: 2, serviceProxyHealthy: true },
      }),
    );
    tell('node-b', port);
    expect(await ask()).toMatchObject({ status: 503, weight: '0', body: { localEndpoints: 0 } });
    tell('node-a', port, 'Cluster');
    await expect(ask()).rejects.toThrow();
  });
});
