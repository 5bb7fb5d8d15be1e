import { join } from 'node:path';
import { repositoryRoot } from '../tidy/sources.ts';
import type { Cluster } from './cluster.ts';
import { run } from './kubectl.ts';

/** Builds the examples' image under the name and loads it into the cluster's node. */
export async function loadExampleImage(cluster: Cluster, name: string): Promise<void> {
  const file = join(cluster.dataDir, `${name.replaceAll(/\W/g, '-')}.tar`);
  const built = await run(join(repositoryRoot, 'examples/images/build.sh'), [name, file]);
  if (built.code !== 0) throw new Error(built.stderr);
  const loaded = await cluster.slipway(['image', 'load', file]);
  if (loaded.code !== 0) throw new Error(`slipway image load: ${loaded.stderr}`);
}

/** What a scenario with real containers needs of the machine. */
export const containerNeeds = { root: true, programs: ['kubectl', 'conmon', 'nft', 'ip', 'busybox', 'runc'] } as const;
