import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { accountTokenSigner, openPki } from '@slipway/apiserver';
import { discoverResources } from '@slipway/client/discovery';
import { createControllerManager } from '@slipway/controllers';
import { messageOf } from '@slipway/kit/errors';
import type { CommandContext, RunCommand } from '../command.ts';
import { remoteAccounts } from '../compose/accounts.ts';
import { followKubeconfig } from '../compose/follow-kubeconfig.ts';
import { leadingControllers } from '../compose/leading-controllers.ts';
import { processIdentity } from '../compose/process-identity.ts';
import { selectedControllers } from '../compose/selected-controllers.ts';
import { connectRemote } from '../compose/remote.ts';
import { readSchedulerConfiguration } from '../compose/scheduler-configuration.ts';
import { claimRoles } from '../process-record.ts';
import { CommandError } from '../usage-error.ts';

export const controllers: RunCommand = async ({ config, clock, random, log, signal, print }) => {
  const selection = selectedControllers(config);
  const claim = await claimRoles(config.dataDir, 'controllers', ['controllers']);
  try {
    const scheduler = await readSchedulerConfiguration(config.schedulerConfig);
    const remote = await connectRemote(config, clock, 'controllers');
    const { connection, transport } = remote;
    const transportAs = remoteAccounts(remote, clock);
    void followKubeconfig(config, remote, { clock, log }, signal);
    const signing = config.pkiDir === undefined ? {} : await signers(config.pkiDir, { clock, random });
    const resources = await discoverResources(transport, signal);
    const part = leadingControllers(
      {
        transport,
        identity: () => processIdentity(config.dataDir, 'controllers', random),
        times: config.leaseTimes,
        leading: () => print('ready: leading'),
        waiting: () => print('waiting: another process leads'),
        create: (fenced, caches) =>
          createControllerManager({
            caches,
            transport: fenced(transport),
            transportAs: (account) => fenced(transportAs(account)),
            clock,
            random,
            log,
            config: {
              resources,
              caPem: connection.ca ?? '',
              ...signing,
              certificateValidMs: config.signingDurationMs,
              clusterCidr: config.clusterCidr,
              controllers: selection,
              ...(scheduler ? { scheduler } : {}),
            },
          }),
      },
      { clock, random, log },
    );
    await part.run(signal);
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
