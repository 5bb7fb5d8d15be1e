import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inClusterFrom, loadInCluster } from './in-cluster.ts';

describe('a program in a pod', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'service-account-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const mounted = async () => {
    await writeFile(join(folder, 'token'), 'TOKEN');
    await writeFile(join(folder, 'ca.crt'), 'CA');
    await writeFile(join(folder, 'namespace'), 'shop\n');
  };

  it('finds the server by the environment that kubelets set', () => {
    expect(inClusterFrom({ KUBERNETES_SERVICE_HOST: '10.96.0.1', KUBERNETES_SERVICE_PORT: '443' })).toEqual({
      host: '10.96.0.1',
      port: '443',
    });
    expect(inClusterFrom({ KUBERNETES_SERVICE_HOST: '10.96.0.1' })).toBeUndefined();
    expect(inClusterFrom({})).toBeUndefined();
  });

  it('shows the mounted token, and trusts the mounted authority', async () => {
    await mounted();
    expect(await loadInCluster({ host: '10.96.0.1', port: '443' }, folder)).toEqual({
      server: 'https://10.96.0.1:443',
      ca: 'CA',
      tokenFile: join(folder, 'token'),
      namespace: 'shop',
    });
    expect((await loadInCluster({ host: 'fd00::1', port: '6443' }, folder)).server).toBe('https://[fd00::1]:6443');
  });

  it('says which file is missing', async () => {
    await expect(loadInCluster({ host: 'h', port: '1' }, folder)).rejects.toThrow(join(folder, 'token'));
    await mounted();
    await rm(join(folder, 'ca.crt'));
    await expect(loadInCluster({ host: 'h', port: '1' }, folder)).rejects.toThrow(join(folder, 'ca.crt'));
  });
});
