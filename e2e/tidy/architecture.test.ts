import { dirname, join, normalize } from 'node:path';
import { closedDoors, pureFiles, pureNodeModules, sideDoors, workspaceDoors } from './doors.ts';
import { type ImportEdge, importsOf, isTest, readSources } from './sources.ts';

const sources = readSources();
const edges = sources.flatMap(importsOf);

function workspaceOf(path: string): string {
  const parts = path.split('/');
  return parts[0] === 'lib' ? (parts[1] ?? '') : (parts[0] ?? '');
}

/** The path of a relative import below its workspace's `src/`, or undefined when it leaves the workspace. */
function insidePath(edge: ImportEdge): string | undefined {
  if (!edge.specifier.startsWith('.')) return undefined;
  return normalize(join(dirname(edge.from), edge.specifier));
}

const show = (edge: ImportEdge) => `${edge.from} imports ${edge.specifier}`;

describe('architecture', () => {
  it('reads the whole house', () => {
    expect(sources.length).toBeGreaterThan(50);
    expect(new Set(sources.map((file) => workspaceOf(file.path)))).toContain('apiserver');
  });

  it('opens only the doors of the table between workspaces', () => {
    const offending = edges.filter((edge) => {
      const target = /^@slipway\/([^/]+)/.exec(edge.specifier)?.[1];
      if (!target) return false;
      const doors = workspaceDoors[workspaceOf(edge.from)];
      if (!doors || target === workspaceOf(edge.from)) return false;
      return !doors.may.includes(target) && !(isTest(edge.from) && doors.testOnly?.includes(target));
    });
    expect(offending.map(show)).toEqual([]);
  });

  it('never reaches into another workspace by a relative path', () => {
    const offending = edges.filter((edge) => {
      const inside = insidePath(edge);
      return inside !== undefined && workspaceOf(inside) !== workspaceOf(edge.from);
    });
    expect(offending.map(show)).toEqual([]);
  });

  it('enters cni, apiserver, controllers and kubelet-agent by their public entries', () => {
    const closed = /^@slipway\/(cni|apiserver|controllers|kubelet-agent|cli)\/.+/;
    const offending = edges.filter(({ specifier }) => closed.test(specifier) && !sideDoors.includes(specifier));
    expect(offending.map(show)).toEqual([]);
  });

  it.each(closedDoors)('keeps the doors of $workspace/$from shut', ({ workspace, from, to }) => {
    const offending = edges.filter((edge) => {
      if (isTest(edge.from) || edge.typeOnly || !edge.from.startsWith(`${workspace}/src/${from}/`)) return false;
      const inside = insidePath(edge);
      return inside !== undefined && to.some((room) => inside.startsWith(`${workspace}/src/${room}/`));
    });
    expect(offending.map(show)).toEqual([]);
  });

  it('keeps files that decide free of side effects', () => {
    const offending = edges.filter((edge) => {
      if (isTest(edge.from) || edge.typeOnly || !pureFiles.some((pattern) => pattern.test(edge.from))) return false;
      if (!edge.specifier.startsWith('node:')) return /^@slipway\/kit\/(exec|random|logger)$/.test(edge.specifier);
      return edge.from.startsWith('lib/api/') || !pureNodeModules.includes(edge.specifier);
    });
    expect(offending.map(show)).toEqual([]);
  });
});
