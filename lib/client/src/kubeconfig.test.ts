import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Connection, loadKubeconfig, writeKubeconfig } from './kubeconfig.ts';

describe('kubeconfig', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kubeconfig-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('reads what it wrote, and only its owner may', async () => {
    const file = join(folder, 'deep', 'admin.kubeconfig');
    const connection: Connection = {
      server: 'https://127.0.0.1:6443',
      ca: 'CA\n',
      cert: 'CERT\n',
      key: 'KEY\n',
      namespace: 'shop',
    };
    await writeKubeconfig(file, connection, { cluster: 'slipway', user: 'admin' });
    expect(await loadKubeconfig(file)).toMatchObject(connection);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  it('reads files that it names, relative to itself', async () => {
    const file = join(folder, 'config');
    await writeFile(join(folder, 'ca.pem'), 'CA');
    await writeFile(
      file,
      JSON.stringify({
        'current-context': 'a',
        contexts: [{ name: 'a', context: { cluster: 'c', user: 'u' } }],
        clusters: [{ name: 'c', cluster: { server: 'https://h', 'certificate-authority': 'ca.pem' } }],
        users: [{ name: 'u', user: { tokenFile: 'token' } }],
      }),
    );
    expect(await loadKubeconfig(file)).toMatchObject({
      server: 'https://h',
      ca: 'CA',
      tokenFile: join(folder, 'token'),
    });
    await expect(loadKubeconfig(file, 'b')).rejects.toThrow(`kubeconfig ${file} has no context "b"`);
  });

  it('says what is wrong with a file', async () => {
    const file = join(folder, 'config');
    await expect(loadKubeconfig(file)).rejects.toThrow('there is no such file');
    await writeFile(file, 'a: [');
    await expect(loadKubeconfig(file)).rejects.toThrow(`read kubeconfig ${file}`);
    await writeFile(file, '{}');
    await expect(loadKubeconfig(file)).rejects.toThrow('no current-context');
    const exec = {
      'current-context': 'a',
      contexts: [{ name: 'a', context: { cluster: 'c', user: 'u' } }],
      clusters: [{ name: 'c', cluster: { server: 'https://h' } }],
      users: [{ name: 'u', user: { exec: {} } }],
    };
    await writeFile(file, JSON.stringify(exec));
    await expect(loadKubeconfig(file)).rejects.toThrow('logs in by exec, which is not supported');
  });
});
