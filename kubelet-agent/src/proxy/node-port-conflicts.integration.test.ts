import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import type { Service } from '@slipway/api/types';
import { ObjectCache } from '@slipway/client/cache';
import { aService } from './builders.ts';
import { NodePortConflicts } from './node-port-conflicts.ts';

it('says which process of the host listens on a node port', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, resolve));
  const { port } = server.address() as AddressInfo;
  const told: string[] = [];
  const events = {
    record: ({ reason, message }: { reason: string; message: string }) => void told.push(`${reason}: ${message}`),
  };
  const conflicts = new NodePortConflicts({ services: new ObjectCache<Service>(), events }, { nodeName: 'node-a' });
  const taken = aService({ clusterIp: '10.96.0.9', nodePort: port });
  await conflicts.look([{ key: 'default/web', before: undefined, after: taken }]);
  expect(told).toEqual([
    expect.stringMatching(
      new RegExp(
        `^NodePortInUse: on node node-a process ${process.pid} \\(.+\\) listens on TCP port ${port} too: .* reaches the Service`,
      ),
    ),
  ]);
  await conflicts.look([{ key: 'default/web', before: taken, after: taken }]);
  await conflicts.look([
    {
      key: 'default/web',
      before: undefined,
      after: aService({ clusterIp: '10.96.0.9', nodePort: port, protocol: 'UDP' }),
    },
  ]);
  expect(told).toHaveLength(1);
  await new Promise((resolve) => server.close(resolve));
});
