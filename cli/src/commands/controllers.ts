import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { accountTokenSigner, openPki } from '@slipway/apiserver';
import { discoverResources } from '@slipway/client/discovery';
import type { HttpTransport } from '@slipway/client/http-transport';
import { createControllerManager, missingKinds } from '@slipway/controllers';
import { messageOf } from '@slipway/kit/errors';
import type { CommandContext, RunCommand } from '../command.ts';
import { remoteAccounts } from '../compose/accounts.ts';
import { followKubeconfig } from '../compose/follow-kubeconfig.ts';
import { startHealthProbes } from '../compose/health-probes.ts';
import { leadingControllers } from '../compose/leading-controllers.ts';
import { processIdentity } from '../compose/process-identity.ts';
import { connectRemote, type Remote } from '../compose/remote.ts';
import { readSchedulerConfiguration } from '../compose/scheduler-configuration.ts';
import { selectedControllers } from '../compose/selected-controllers.ts';
import { claimRoles } from '../process-record.ts';
import { CommandError } from '../usage-error.ts';

export const controllers: RunCommand = async (context) => {
  const { config, clock, log, signal } = context;
  selectedControllers(config);
  const claim = await claimRoles(config.dataDir, 'controllers', ['controllers']);
  const ready = Promise.withResolvers<void>();
  const probes = config.probeAddress && (await startHealthProbes(config.probeAddress, ready.promise));
  try {
    const remote = await connectRemote(config, clock, 'controllers');
    void followKubeconfig(config, remote, { clock, log }, signal);
    const part = await remoteControllers(remote, context);
    void part.ready.then(ready.resolve, () => {});
    await part.run(signal);
    remote.transport.close();
  } finally {
    await probes?.stop();
    await claim.release();
  }
};

/** All controllers of the selection, over the API servers that the process reaches. */
async function remoteControllers(remote: Remote, { config, clock, random, log, signal, print }: CommandContext) {
  const { connection, transport } = remote;
  const scheduler = await readSchedulerConfiguration(config.schedulerConfig);
  const signing = config.pkiDir === undefined ? {} : await signers(config.pkiDir, { clock, random });
  const transportAs = remoteAccounts(remote, clock);
  const managerConfig = {
    resources: await servedResources(transport, { log, signal }),
    caPem: connection.ca ?? '',
    ...signing,
    certificateValidMs: config.signingDurationMs,
    clusterCidr: config.clusterCidr,
    serviceCidr: config.serviceCidr,
    controllers: selectedControllers(config),
    ...(scheduler ? { scheduler } : {}),
  };
  const missing = missingKinds(managerConfig, clock);
  if (missing.length > 0) {
    throw new CommandError(
      `--controllers names controllers whose kinds this cluster does not have; apply their CustomResourceDefinitions first. ${missing.join('; ')}`,
    );
  }
  return leadingControllers(
    {
      transport,
      identity: () => processIdentity(config.dataDir, 'controllers', random),
      times: config.leaseTimes,
      lease: config.lease,
      leading: () => print('ready: leading'),
      waiting: () => print('waiting: another process leads'),
      create: (fenced, caches) =>
        createControllerManager({
          caches,
          transport: fenced(transport),
          ...(config.accountPerController ? { transportAs: (account) => fenced(transportAs(account)) } : {}),
          clock,
          random,
          log,
          config: managerConfig,
        }),
    },
    { clock, random, log },
  );
}

function servedResources(transport: HttpTransport, { log, signal }: Pick<CommandContext, 'log' | 'signal'>) {
  return discoverResources(transport, signal, (groupVersion, error) =>
    log.warn({ groupVersion, reason: messageOf(error) }, 'a group of the server does not answer, going on without it'),
  );
}

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
