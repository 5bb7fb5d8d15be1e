/** The first file system of the guest: busybox, the modules that reach the real root, and what process 1 runs. */
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { findProgram } from '@slipway/kit/testing/capabilities';
import { run } from '../harness/kubectl.ts';
import { type CloudKernel, moduleFiles } from './cloud-kernel.ts';

/** The root below an overlay, and the network card, whose module nobody asks for by name. */
const bootModules = ['virtio_pci', 'virtiofs', 'overlay', 'virtio_net'];

export interface InitrdContents {
  readonly kernel: CloudKernel;
  readonly script: string;
  /** Exported to both scripts of process 1 and to the script. */
  readonly environment: Readonly<Record<string, string>>;
}

/** Writes the initrd into the folder and answers its path. */
export async function writeInitrd(folder: string, contents: InitrdContents): Promise<string> {
  const root = join(folder, 'initrd');
  await mkdir(join(root, 'bin'), { recursive: true });
  await mkdir(join(root, 'modules'));
  await copyFile(findProgram('busybox') ?? 'busybox', join(root, 'bin/busybox'));
  await copyFile(join(import.meta.dirname, 'first-init.sh'), join(root, 'init'));
  await copyFile(join(import.meta.dirname, 'second-init.sh'), join(root, 'second-init.sh'));
  const files = await moduleFiles(contents.kernel, bootModules);
  for (const file of files) await copyFile(file, join(root, 'modules', basename(file)));
  await writeFile(join(root, 'modules/order'), files.map((file) => `${basename(file)}\n`).join(''));
  await writeFile(join(root, 'script.sh'), contents.script);
  const variables = Object.entries(contents.environment);
  await writeFile(
    join(root, 'environment'),
    variables.map(([key, value]) => `export ${key}=${quoted(value)}\n`).join(''),
  );
  const archive = join(folder, 'initrd.cpio');
  const command = `cd '${root}' && chmod 755 init bin/busybox && busybox find . | busybox cpio -o -H newc >'${archive}'`;
  const written = await run('sh', ['-c', command]);
  if (written.code !== 0) throw new Error(`cannot write the initrd: ${written.stderr}`);
  return archive;
}

/** A word that the shell takes as it is. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
