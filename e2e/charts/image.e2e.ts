/** `scripts/image.sh`: the image has all that the command needs, and runs as a user without rights on a root that it cannot write. */
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeWith, missingCapability } from '@slipway/kit/testing/capabilities';
import { run } from '../harness/kubectl.ts';
import { repositoryRoot } from '../tidy/sources.ts';

describeWith(
  missingCapability({ root: true, programs: ['npm', 'chroot', 'ldd', 'tar'] }),
  'the image of Slipway',
  () => {
    let folder: string;
    let root: string;
    let config: { readonly config: { readonly User: string; readonly Entrypoint: readonly string[] } };
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'slipway-image-'));
      root = join(folder, 'root');
      const archive = join(folder, 'image.tar');
      const ok = async (program: string, ...args: readonly string[]) => {
        const ran = await run(program, args);
        if (ran.code !== 0) throw new Error(`${program} ${args.join(' ')}: ${ran.stderr}`);
      };
      await ok(join(repositoryRoot, 'scripts/image.sh'), 'localhost/slipway:test', archive);
      await ok('tar', '-C', folder, '-xf', archive);
      const [image] = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8'));
      expect(image.RepoTags).toEqual(['localhost/slipway:test']);
      config = JSON.parse(await readFile(join(folder, image.Config), 'utf8'));
      await mkdir(root);
      await ok('tar', '-C', root, '-xf', join(folder, image.Layers[0]));
    });
    afterAll(() => rm(folder, { recursive: true, force: true }));

    it('has everything that a server needs until it listens', async () => {
      const { User, Entrypoint } = config.config;
      const flags = ['--no-agent', '--bind-address=192.0.2.254', '--data-dir=/tmp/data', '--log-level=silent'];
      const ran = await run('chroot', [`--userspec=${User}`, root, ...Entrypoint, 'up', ...flags], {
        env: { NODE_EXTRA_CA_CERTS: '', NODE_COMPILE_CACHE: '' },
      });
      expect(ran.stderr).toContain('listen on 192.0.2.254:6443: this machine does not have the address');
      expect(ran.code).toBe(1);
    });
  },
);
