import type { RunCommand } from '../command.ts';
import { keepCompileCache } from '../compile-cache.ts';
import { ensureClusterDns } from '../compose/cluster-dns.ts';
import { composeApiServer, keepAdminKubeconfig, writeAdminKubeconfig } from '../compose/control-plane.ts';
import { runParts } from '../compose/run-parts.ts';
import { claimRoles } from '../process-record.ts';

export const apiserver: RunCommand = async ({ config, clock, random, log, signal, print }) => {
  const claim = await claimRoles(config.dataDir, 'apiserver', ['apiserver']);
  try {
    const part = await composeApiServer(config, { clock, random, log });
    try {
      await runParts([part], signal, async () => {
        await writeAdminKubeconfig(config, part.server);
        await ensureClusterDns(config, part.server, signal);
        print(
          `ready: https://${part.server.address.host}:${part.server.address.port}  export KUBECONFIG=${config.kubeconfig}`,
        );
        void keepAdminKubeconfig(config, part.server, { clock, random, log }, signal);
        await keepCompileCache();
      });
    } finally {
      await part.backend.close();
    }
  } finally {
    await claim.release();
  }
};
