/**
 * Every example of every kind against the real server.
 *
 * `examples/valid/*.yaml`: taken as they are. `examples/invalid/*.yaml`: the first line is a comment that names what the server answers,
 * `# FIELD: TEXT`; where there are several documents, all but the last are taken and the last one, a change of the first, is refused.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ApiServer, apiServerConfig, type Backend, createApiServer, openEmbeddedStore } from '@slipway/apiserver';
import { isStatus, StatusError } from '@slipway/api/status-error';
import type { ResourcePath } from '@slipway/api/transport';
import type { KubeObject } from '@slipway/api/types';
import { neverAborted } from '@slipway/kit/abort';
import { systemClock } from '@slipway/kit/clock';
import { silentLogger } from '@slipway/kit/logger';
import { systemRandom } from '@slipway/kit/random';
import { parse, parseAllDocuments } from 'yaml';
import { definitions, room } from './definitions.ts';

interface Definition extends KubeObject {
  readonly spec: {
    readonly group: string;
    readonly scope: string;
    readonly names: { readonly kind: string; readonly plural: string };
  };
}

const kinds = definitions() as readonly Definition[];
const examples = readdirSync(room, { recursive: true, encoding: 'utf8' })
  .filter((path) => /^[^/]+\/examples\/(valid|invalid)\/[^/]+\.yaml$/.test(path))
  .sort()
  .map((path) => ({ path, text: readFileSync(join(room, path), 'utf8') }));
const valid = examples.filter(({ path }) => path.includes('/valid/'));
const invalid = examples.filter(({ path }) => path.includes('/invalid/'));

function documents(text: string): KubeObject[] {
  return parseAllDocuments(text).map((document) => document.toJS() as KubeObject);
}

function pathOf(object: KubeObject): ResourcePath {
  const [group = '', version = ''] = (object.apiVersion ?? '').split('/');
  const definition = kinds.find(({ spec }) => spec.group === group && spec.names.kind === object.kind);
  if (!definition) throw new Error(`${object.apiVersion} ${object.kind} is no kind of this room`);
  const { names, scope } = definition.spec;
  const place = { group, version, resource: names.plural };
  return scope === 'Namespaced' ? { ...place, namespace: object.metadata.namespace ?? 'default' } : place;
}

/** The server's list of causes, or its whole message. */
async function refusal(attempt: Promise<unknown>): Promise<string[]> {
  try {
    await attempt;
    return [];
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    const causes = error.details?.causes ?? [];
    return causes.length > 0 ? causes.map(({ field, message }) => `${field}: ${message}`) : [error.message];
  }
}

/** `wanted`: the field, a colon, and part of the text; or only part of the text. */
function says(problem: string, wanted: string): boolean {
  const [, field, text] = /^([^ ]+): (.*)$/.exec(wanted) ?? [];
  if (field === undefined || text === undefined) return problem.includes(wanted);
  return problem.startsWith(`${field}: `) && problem.includes(text);
}

describe('kinds of our own', () => {
  const directory = mkdtempSync(join(tmpdir(), 'slipway-crds-'));
  let backend: Backend;

  beforeAll(async () => {
    backend = await openEmbeddedStore({ directory: join(directory, 'store'), clock: systemClock });
  });

  afterAll(async () => {
    await backend.close();
    rmSync(directory, { recursive: true });
  });

  async function withServer(work: (server: ApiServer) => Promise<void>): Promise<void> {
    const stop = new AbortController();
    const server = await createApiServer(apiServerConfig({ dataDir: directory, securePort: 0 }), {
      backend,
      clock: systemClock,
      random: systemRandom,
      log: silentLogger,
      ownKinds: { definitions: definitions(), objects: [] },
    });
    const running = server.run(stop.signal);
    try {
      await Promise.race([server.ready, running]);
      await work(server);
    } finally {
      stop.abort();
      await running;
    }
  }

  const admin = { name: 'admin', groups: ['system:masters'] };
  const definitionsPath = { group: 'apiextensions.k8s.io', version: 'v1', resource: 'customresourcedefinitions' };

  it('take every valid example, and refuse every invalid one for the reason that it names', async () => {
    await withServer(async (server) => {
      const transport = server.transport(admin);
      const create = (body: KubeObject) =>
        transport.send(
          { verb: 'create', path: pathOf(body), body, options: { fieldValidation: 'Strict' } },
          neverAborted,
        );
      const remove = async (object: KubeObject) => {
        const path = { ...pathOf(object), name: object.metadata.name ?? '' };
        await transport.send({ verb: 'delete', path }, neverAborted).catch((error: unknown) => {
          if (!isStatus(error, 'NotFound')) throw error;
        });
      };
      const findings: string[] = [];
      for (const { path, text } of valid) {
        for (const object of documents(text)) {
          const problems = await refusal(create(object));
          if (problems.length > 0) findings.push(`${path} is refused: ${problems.join('; ')}`);
          await remove(object);
        }
      }
      for (const { path, text } of invalid) {
        const wanted = /^# (.*)/.exec(text)?.[1] ?? '(the first line names no field)';
        const all = documents(text);
        const last = all.pop();
        if (!last) continue;
        for (const object of all) await create(object);
        const attempt =
          all.length === 0
            ? create(last)
            : transport.send(
                {
                  verb: 'patch',
                  patchType: 'merge',
                  path: { ...pathOf(last), name: last.metadata.name ?? '' },
                  body: last,
                },
                neverAborted,
              );
        const problems = await refusal(attempt);
        if (!problems.some((problem) => says(problem, wanted))) {
          findings.push(
            `${path}: wanted ${wanted}\n    answered ${problems.join('\n             ') || 'nothing: it was taken'}`,
          );
        }
        await remove(last);
      }
      expect(findings).toEqual([]);
    });
  });

  it('each have an example that is taken and one that is refused', () => {
    const shown = (list: typeof examples) =>
      new Set(list.flatMap(({ text }) => documents(text).map(({ kind }) => kind)));
    const names = kinds.map(({ spec }) => spec.names.kind);
    expect(names.filter((kind) => !shown(valid).has(kind))).toEqual([]);
    // Its schema is somebody else's, and takes nearly everything.
    const lenient = ['NetworkAttachmentDefinition'];
    expect(names.filter((kind) => !shown(invalid).has(kind) && !lenient.includes(kind))).toEqual([]);
  });

  it('are not written again by the next start, and keep what others added', async () => {
    const name = 'networks.networks.slipway.dev';
    let before = '';
    await withServer(async (server) => {
      const transport = server.transport(admin);
      const path = { ...definitionsPath, name };
      const body = { metadata: { labels: { team: 'network' } } };
      const changed = await transport.send({ verb: 'patch', patchType: 'merge', path, body }, neverAborted);
      before = (changed as KubeObject).metadata.resourceVersion ?? '';
    });
    await withServer(async (server) => {
      const found = (await server
        .transport(admin)
        .send({ verb: 'get', path: { ...definitionsPath, name } }, neverAborted)) as KubeObject;
      expect(found.metadata.resourceVersion).toBe(before);
      expect(found.metadata.labels).toEqual({ team: 'network' });
    });
  });

  it('that somebody else has installed before stay theirs', async () => {
    const name = 'network-attachment-definitions.k8s.cni.cncf.io';
    const theirs = parse(JSON.stringify(kinds.find(({ metadata }) => metadata.name === name))) as KubeObject;
    theirs.metadata.annotations = { 'example.com/by': 'them' };
    await withServer(async (server) => {
      const transport = server.transport(admin);
      await transport.send({ verb: 'delete', path: { ...definitionsPath, name } }, neverAborted);
      for (;;) {
        const problems = await refusal(
          transport.send({ verb: 'get', path: { ...definitionsPath, name } }, neverAborted),
        );
        if (problems.length > 0) break;
        await systemClock.sleep(20, neverAborted);
      }
      await transport.send({ verb: 'create', path: definitionsPath, body: theirs }, neverAborted);
    });
    await withServer(async (server) => {
      const found = (await server
        .transport(admin)
        .send({ verb: 'get', path: { ...definitionsPath, name } }, neverAborted)) as KubeObject;
      expect(found.metadata.managedFields?.map(({ manager }) => manager)).not.toContain('slipway-crds');
    });
  });

  it('are installed once by servers that start at the same time', async () => {
    const path = { ...definitionsPath, name: 'networksubnets.networks.slipway.dev' };
    await withServer(async (server) => {
      const transport = server.transport(admin);
      await transport.send({ verb: 'delete', path }, neverAborted);
      const isGone = async () => (await refusal(transport.send({ verb: 'get', path }, neverAborted))).length > 0;
      while (!(await isGone())) await systemClock.sleep(20, neverAborted);
    });
    const both = Promise.withResolvers<void>();
    let started = 0;
    const meet = () => {
      if (++started === 2) both.resolve();
      return both.promise;
    };
    const part = () =>
      withServer(meet).catch((error: unknown) => {
        both.reject(error);
        throw error;
      });
    await Promise.all([part(), part()]);
    expect(started).toBe(2);
  });
});
