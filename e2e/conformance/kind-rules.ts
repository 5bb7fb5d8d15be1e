/** What users see of a kind as a table: its defaults, what is refused and in which words, what may not change, what a list shows. */
import type { ApiObject } from './api-client.ts';
import type { Target } from './target.ts';

export interface KindRules {
  readonly apiVersion: string;
  readonly kind: string;
  readonly resource: string;
  readonly namespaced?: false;
  /** Names of kinds that take no free ones; the same one for the same word. */
  readonly nameOf?: (name: string) => string;
  /** The smallest object that is accepted, without names. */
  readonly minimal: object;
  /** What the server adds to it, at least. */
  readonly defaults?: object;
  /** A new object's generation; undefined for kinds that do not count. */
  readonly generation?: 1;
  /** Merged into the minimal object, with the text (or a part of it) that refuses the result. */
  readonly refused?: readonly (readonly [change: object, text: string])[];
  /** Merge patches of a stored object that are accepted. */
  readonly changes?: readonly object[];
  /** Merge patches of a stored object that are refused. */
  readonly immutable?: readonly (readonly [change: object, text: string])[];
  /** Only where the kind has the subresource: a status that is accepted, and ones that are not. */
  readonly status?: {
    readonly accepted: object;
    readonly refused?: readonly (readonly [status: object, text: string])[];
  };
  /** The columns that are always shown. */
  readonly columns: readonly string[];
}

export function describeKind(target: Target, rules: KindRules): void {
  const { apiVersion, kind, resource } = rules;
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const collection = () =>
    rules.namespaced === false ? `${root}/${resource}` : `${root}/namespaces/${target.namespace}/${resource}`;
  const named = (name: string) =>
    rules.nameOf?.(name) ?? (rules.namespaced === false ? `${target.namespace}-${name}` : name);
  const at = (name: string) => `${collection()}/${named(name)}`;
  const labels = () => ({ suite: target.namespace });
  const object = (name: string, change: object = {}) =>
    merged({ apiVersion, kind, metadata: { name: named(name), labels: labels() } }, merged(rules.minimal, change));
  const made = (name: string, change: object = {}) => target.admin.made(collection(), object(name, change));
  const selected = () => `${collection()}?labelSelector=${encodeURIComponent(`suite=${target.namespace}`)}`;

  describe(`${apiVersion} ${kind}`, () => {
    afterAll(() => target.admin.delete(selected()));

    it('is given defaults, and those again change nothing', async () => {
      const created = await made('defaults');
      expect(created).toMatchObject(rules.defaults ?? {});
      expect(created.metadata.generation).toBe(rules.generation);
      const again = await target.admin.put(at('defaults'), created);
      expect([again.code, again.body]).toEqual([200, created]);
    });

    it('is applied twice without a change', async () => {
      const apply = () =>
        target.admin.patch(`${at('applied')}?fieldManager=suite`, 'apply-patch+yaml', object('applied'));
      const first = await apply();
      expect([first.code, first.text]).toEqual([201, expect.any(String)]);
      const second = await apply();
      expect([second.code, second.body.metadata.resourceVersion]).toEqual([200, first.body.metadata.resourceVersion]);
    });

    const refused = rules.refused ?? [];
    if (refused.length > 0) {
      it.each(refused)('refuses %j', async (change, text) => {
        const reply = await target.admin.post(collection(), object('refused', change));
        expect([reply.code, reply.body.message]).toEqual([422, expect.stringContaining(text)]);
      });
    }

    const changes = rules.changes ?? [];
    if (changes.length > 0) {
      it('lets the rest be changed, and counts it', async () => {
        let before = await made('changes');
        for (const change of changes) {
          const reply = await target.admin.merge(at('changes'), change);
          expect([reply.code, reply.text]).toEqual([200, expect.any(String)]);
          expect(reply.body).toMatchObject(change);
          if (rules.generation) expect(reply.body.metadata.generation).toBe((before.metadata.generation ?? 0) + 1);
          before = reply.body;
        }
      });
    }

    const immutable = rules.immutable ?? [];
    if (immutable.length > 0) {
      it('keeps what is fixed', async () => {
        await made('fixed');
        for (const [change, text] of immutable) {
          const reply = await target.admin.merge(at('fixed'), change);
          expect([reply.code, reply.body.message]).toEqual([422, expect.stringContaining(text)]);
        }
      });
    }

    const { status } = rules;
    if (status) {
      it('keeps its status apart', async () => {
        const created = await made('status', { status: status.accepted });
        expect(created.status ?? {}).not.toMatchObject(status.accepted);
        const main = await target.admin.merge(at('status'), { status: status.accepted });
        expect(main.body.status ?? {}).not.toMatchObject(status.accepted);
        const both = { metadata: { labels: { more: 'x' } }, status: status.accepted };
        const reply = await target.admin.merge(`${at('status')}/status`, both);
        expect([reply.code, reply.body.status]).toEqual([200, expect.objectContaining(status.accepted)]);
        expect(reply.body.metadata.labels).toEqual(created.metadata.labels);
        expect(reply.body.metadata.generation).toBe(created.metadata.generation);
        for (const [bad, text] of status.refused ?? []) {
          const answer = await target.admin.merge(`${at('status')}/status`, { status: bad });
          expect([answer.code, answer.body.message]).toEqual([422, expect.stringContaining(text)]);
        }
      });
    }

    it('is shown in a table', async () => {
      await made('table');
      const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';
      const { body } = await target.admin.get(selected(), { accept });
      const columns = body.columnDefinitions as readonly { name: string; priority: number }[];
      expect(columns.filter(({ priority }) => priority === 0).map(({ name }) => name)).toEqual(rules.columns);
      const rows = body.rows as readonly { cells: readonly unknown[]; object: ApiObject }[];
      for (const row of rows) expect(row.cells).toHaveLength(columns.length);
      expect(rows.map((row) => row.object.metadata.name)).toContain(named('table'));
    });

    it('is deleted by collection', async () => {
      await made('collection');
      const reply = await target.admin.delete(selected());
      expect(reply.code).toBe(200);
      const left = await target.admin.read(selected());
      expect(left.items.filter(({ metadata }) => metadata.finalizers === undefined)).toEqual([]);
    });
  });
}

/** As a merge patch, except that lists are replaced as well. `null` takes a field out. */
export function merged(base: object, change: object): object {
  const result: Record<string, unknown> = { ...base };
  for (const [name, value] of Object.entries(change)) {
    const before = result[name];
    if (value === null) delete result[name];
    else result[name] = isObject(value) && isObject(before) ? merged(before, value) : value;
  }
  return result;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
