import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';

export const repositoryRoot = resolve(import.meta.dirname, '../..');

export interface SourceFile {
  /** Relative to the repository's root, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

const rooms = ['lib', 'apiserver', 'controllers', 'kubelet-agent', 'cni', 'crds', 'cli', 'e2e', 'bench'];

/** Every TypeScript file of the house that people wrote: nothing generated, nothing installed. */
export function readSources(): SourceFile[] {
  return rooms.flatMap((room) => [...walk(join(repositoryRoot, room))]);
}

function* walk(folder: string): Generator<SourceFile> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      if (entry.name !== 'node_modules' && entry.name !== 'generated') yield* walk(path);
    } else if (entry.name.endsWith('.ts')) {
      yield { path: relative(repositoryRoot, path), text: readFileSync(path, 'utf8') };
    }
  }
}

export function isTest(path: string): boolean {
  return /\.(test|suite|e2e)\.ts$/.test(path) || /^(e2e|bench)\//.test(path) || /\/(testing|conformance)\//.test(path);
}

export interface ImportEdge {
  readonly from: string;
  readonly specifier: string;
  /** `import type` vanishes before the code runs. */
  readonly typeOnly: boolean;
}

const importPattern =
  /(?:^|\n)\s*(?:import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/g;

export function importsOf(file: SourceFile): ImportEdge[] {
  return [...file.text.matchAll(importPattern)].map((match) => ({
    from: file.path,
    specifier: match[2] ?? match[3] ?? '',
    typeOnly: match[1] !== undefined,
  }));
}
