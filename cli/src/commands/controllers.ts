import { discoverResources } from '@slipway/client/discovery';
import { runAsLeader } from '@slipway/client/leader-election';
import { createControllerManager } from '@slipway/controllers';
import type { RunCommand } from '../command.ts';
import { remoteAccounts } from '../compose/accounts.ts';
import { controllersLease } from '../compose/leading-controllers.ts';
import { processIdentity } from '../compose/process-identity.ts';
import { connectRemote } from '../compose/remote.ts';
import { claimRoles } from '../process-record.ts';

export const controllers: RunCommand = async ({ config, clock, random, log, signal, print }) => {
  const claim = await claimRoles(config.dataDir, 'controllers', ['controllers']);
  try {
    const remote = await connectRemote(config, clock, 'controllers');
    const { connection, transport } = remote;
    const accounts = remoteAccounts(remote, clock);
    const resources = await discoverResources(transport, signal);
    const lease = { ...controllersLease, identity: await processIdentity(config.dataDir, 'controllers', random) };
    const lead = async (leading: AbortSignal) => {
      const manager = createControllerManager({
        transport,
        transportAs: accounts.transportAs,
        clock,
        random,
        log,
        config: {
          resources,
          caPem: connection.ca ?? '',
          clusterCidr: config.clusterCidr,
          controllers: config.controllers.split(','),
        },
      });
      manager.ready.then(
        () => print('ready: leading'),
        () => {},
      );
      await manager.run(leading);
    };
    await runAsLeader({ transport, clock, random, log, ...lease }, lead, signal);
    accounts.close();
    transport.close();
  } finally {
    await claim.release();
  }
};
