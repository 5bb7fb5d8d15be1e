import { chmod, mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const mainFiles: Readonly<Record<string, URL>> = {
  bandwidth: new URL('./bandwidth/main.ts', import.meta.url),
  bridge: new URL('./bridge/main.ts', import.meta.url),
  'host-local': new URL('../ipam/host-local/main.ts', import.meta.url),
  ipvlan: new URL('./ipvlan/main.ts', import.meta.url),
  loopback: new URL('./loopback/main.ts', import.meta.url),
  macvlan: new URL('./macvlan/main.ts', import.meta.url),
  overlay: new URL('./overlay/main.ts', import.meta.url),
  portmap: new URL('./portmap/main.ts', import.meta.url),
  static: new URL('../ipam/static/main.ts', import.meta.url),
  tuning: new URL('./tuning/main.ts', import.meta.url),
};

/**
 * Puts each plugin as an executable into `directory`, for any runtime: a script that becomes the interpreter that runs
 * now. It names absolute paths, because a runtime calls plugins with an environment of its own.
 */
export async function installPlugins(
  directory: string,
  interpreter: string = process.execPath,
): Promise<readonly string[]> {
  await mkdir(directory, { recursive: true });
  const installed: string[] = [];
  for (const [name, main] of Object.entries(mainFiles)) {
    const path = join(directory, name);
    const draft = join(directory, `.${name}.new`);
    await writeFile(draft, scriptText(interpreter, fileURLToPath(main), join(directory, '.compile-cache')));
    await chmod(draft, 0o755);
    await rename(draft, path);
    installed.push(path);
  }
  return installed;
}

/** Compiled code is kept beside the executables: that halves the time until a plugin runs. */
function scriptText(interpreter: string, main: string, compileCache: string): string {
  return `#!/bin/sh
export NODE_COMPILE_CACHE=${quoted(compileCache)}
exec ${quoted(interpreter)} --v8-pool-size=0 --disable-warning=ExperimentalWarning ${quoted(main)}
`;
}

function quoted(path: string): string {
  return `'${path.replaceAll("'", "'\\''")}'`;
}
