import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { accountTokenSigner, openPki } from '@slipway/apiserver';
import { discoverResources } from '@slipway/client/discovery';
import { runAsLeader } from '@slipway/client/leader-election';
import { createControllerManager } from '@slipway/controllers';
import { messageOf } from '@slipway/kit/errors';
import type { CommandContext, RunCommand } from '../command.ts';
import { remoteAccounts } from '../compose/accounts.ts';
import { followKubeconfig } from '../compose/follow-kubeconfig.ts';
import { controllersLease } from '../compose/leading-controllers.ts';
import { processIdentity } from '../compose/process-identity.ts';
import { connectRemote } from '../compose/remote.ts';
import { claimRoles } from '../process-record.ts';
import { CommandError } from '../usage-error.ts';

export const controllers: RunCommand = async ({ config, clock, random, log, signal, print }) => {
  const claim = await claimRoles(config.dataDir, 'controllers', ['controllers']);
  try {
    const remote = await connectRemote(config, clock, 'controllers');
    const { connection, transport } = remote;
    const transportAs = remoteAccounts(remote, clock);
    void followKubeconfig(config, remote, { clock, log }, signal);
    const signing = config.pkiDir === undefined ? {} : await signers(config.pkiDir, { clock, random });
    const resources = await discoverResources(transport, signal);
    const lease = { ...controllersLease, identity: await processIdentity(config.dataDir, 'controllers', random) };
    const lead = async (leading: AbortSignal) => {
      const manager = createControllerManager({
        transport,
        transportAs,
        clock,
        random,
        log,
        config: {
          resources,
          caPem: connection.ca ?? '',
          ...signing,
          certificateValidMs: config.signingDurationMs,
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
    transport.close();
  } finally {
    await claim.release();
  }
};

/** With the keys of the cluster at hand these controllers sign for it. A directory without them is a mistake, not a new cluster. */
async function signers(directory: string, deps: Pick<CommandContext, 'clock' | 'random'>) {
  try {
    await access(join(directory, 'ca.key'));
  } catch (error) {
    throw new CommandError(`--pki-dir ${directory}: there is no authority: ${messageOf(error)}`);
  }
  const pki = await openPki(directory, deps);
  return {
    signCertificate: (order: Parameters<typeof pki.signRequest>[0]) => pki.signRequest(order),
    signAccountToken: accountTokenSigner(pki.serviceAccountKey, deps),
  };
}
