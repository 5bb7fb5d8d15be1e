/** Lists: selectors, pages, versions. */
import { configMap, outgrowMemory, pod } from './manifests.ts';
import { useTarget } from './target.ts';

const target = useTarget();
const configMaps = (query = '') => `${target.core}/configmaps${query}`;
/** What is in every namespace of some servers is none of ours. */
const namesIn = (list: { items: readonly { metadata: { name: string } }[] }) =>
  list.items.map(({ metadata }) => metadata.name).filter((name) => name !== 'kube-root-ca.crt');
const names = async (query: string) => namesIn(await target.admin.read(configMaps(query)));

describe('label selectors', () => {
  beforeAll(async () => {
    for (const [name, labels] of Object.entries({
      web: { tier: 'web', size: '3' },
      db: { tier: 'db', size: '10' },
      bare: { owner: 'me' },
    })) {
      await target.admin.made(configMaps(), configMap(name, {}, { labels: { ...labels, set: 'labels' } }));
    }
  });

  it.each([
    ['tier=web', ['web']],
    ['tier==web', ['web']],
    ['tier!=web', ['bare', 'db']],
    ['tier in (web, db)', ['db', 'web']],
    ['tier notin (web)', ['bare', 'db']],
    ['tier', ['db', 'web']],
    ['!tier', ['bare']],
    ['size>3', ['db']],
    ['size<10', ['web']],
    ['tier,size!=3', ['db']],
    ['tier=', []],
    ['tier in (web),owner', []],
  ])('%s', async (selector, expected) => {
    expect(await names(`?labelSelector=${encodeURIComponent(`set=labels,${selector}`)}`)).toEqual(expected);
  });

  it.each([
    ['a in b', "unable to parse requirement: found 'b' expected: '('"],
    ['a=b=c', "unable to parse requirement: found '=', expected: ',' or 'end of string'"],
    ['-bad=x', 'name part must consist of alphanumeric characters'],
    ['a=-bad-', 'a valid label must be an empty string or consist of alphanumeric characters'],
    ['a>b', "for 'Gt', 'Lt' operators, the value must be an integer"],
    ['a,,b', "found ',', expected: identifier after ','"],
  ])('refuses %s', async (selector, text) => {
    const reply = await target.admin.get(configMaps(`?labelSelector=${encodeURIComponent(selector)}`));
    expect(reply.code).toBe(400);
    expect(reply.body.reason).toBe('BadRequest');
    expect(reply.body.message).toContain(text);
  });
});

describe('field selectors', () => {
  beforeAll(async () => {
    for (const name of ['field-a', 'field-b']) {
      await target.admin.made(configMaps(), configMap(name, {}, { labels: { set: 'fields' } }));
    }
    await target.admin.made(`${target.core}/pods`, pod('placed', { nodeName: 'conformance-absent' }));
    await target.admin.made(`${target.core}/pods`, pod('waiting'));
  });
  const pods = async (selector: string) =>
    namesIn(await target.admin.read(`${target.core}/pods?fieldSelector=${encodeURIComponent(selector)}`));

  it('of every kind', async () => {
    expect(await names('?fieldSelector=metadata.name%3Dfield-a')).toEqual(['field-a']);
    expect(await names('?fieldSelector=metadata.name!%3Dfield-a&labelSelector=set%3Dfields')).toEqual(['field-b']);
    const everywhere = `/api/v1/configmaps?labelSelector=set%3Dfields&fieldSelector=metadata.namespace%3D${target.namespace}`;
    expect(namesIn(await target.admin.read(everywhere))).toEqual(['field-a', 'field-b']);
  });

  it('of pods', async () => {
    expect(await pods('spec.nodeName=conformance-absent')).toEqual(['placed']);
    expect(await pods('spec.nodeName=')).toEqual(['waiting']);
    expect(await pods('status.phase=Pending,spec.nodeName!=')).toEqual(['placed']);
    expect(await pods('spec.restartPolicy=Never')).toEqual([]);
    expect(await pods('spec.schedulerName=conformance-nobody')).toEqual(['placed', 'waiting']);
  });

  it.each([
    [
      'configmaps',
      'spec.nope=1',
      '"spec.nope" is not a known field selector: only "metadata.name", "metadata.namespace"',
    ],
    ['pods', 'spec.nope=1', 'field label not supported: spec.nope'],
    ['pods', 'metadata.name', "invalid selector: 'metadata.name'; can't understand 'metadata.name'"],
  ])('refuses of %s: %s', async (resource, selector, text) => {
    const reply = await target.admin.get(`${target.core}/${resource}?fieldSelector=${encodeURIComponent(selector)}`);
    expect(reply.code).toBe(400);
    expect(reply.body.message).toContain(text);
  });
});

describe('pages', () => {
  let paged: string;
  beforeAll(async () => {
    paged = `/api/v1/namespaces/${await target.newNamespace()}/secrets`;
    await Promise.all(
      Array.from({ length: 25 }, (_, index) =>
        target.admin.made(paged, {
          metadata: { name: `s${String(index).padStart(2, '0')}`, labels: { odd: String(index % 2) } },
        }),
      ),
    );
  });

  it('show one state, whatever is written meanwhile', async () => {
    const first = await target.admin.read(`${paged}?limit=10`);
    expect(first.items).toHaveLength(10);
    expect(first.metadata.remainingItemCount).toBe(15);
    await target.admin.delete(`${paged}/s24`);
    await target.admin.delete(`${paged}/s01`);
    await target.admin.made(paged, { metadata: { name: 's12a' } });
    const second = await target.admin.read(`${paged}?limit=10&continue=${first.metadata.continue}`);
    expect(second.metadata).toMatchObject({
      resourceVersion: first.metadata.resourceVersion,
      remainingItemCount: 5,
    });
    const third = await target.admin.read(`${paged}?limit=10&continue=${second.metadata.continue}`);
    expect(third.metadata.continue ?? '').toBe('');
    expect(third.metadata.remainingItemCount).toBeUndefined();
    const all = [first, second, third].flatMap(namesIn);
    expect(all).toEqual(Array.from({ length: 25 }, (_, index) => `s${String(index).padStart(2, '0')}`));
    expect(namesIn(await target.admin.read(paged))).toHaveLength(24);
  });

  it('of a selection are full and count nothing', async () => {
    const first = await target.admin.read(`${paged}?limit=5&labelSelector=odd%3D0`);
    expect(namesIn(first)).toEqual(['s00', 's02', 's04', 's06', 's08']);
    expect(first.metadata.remainingItemCount).toBeUndefined();
    const second = await target.admin.read(
      `${paged}?limit=5&labelSelector=odd%3D0&continue=${first.metadata.continue}`,
    );
    expect(namesIn(second)).toEqual(['s10', 's12', 's14', 's16', 's18']);
  });

  it('go on only with their own token', async () => {
    const bad = await target.admin.get(`${paged}?limit=5&continue=nonsense`);
    expect(bad.code).toBe(400);
    expect(bad.body.message).toMatch(/^continue key is not valid/);
    const first = await target.admin.read(`${paged}?limit=5`);
    const both = await target.admin.get(
      `${paged}?limit=5&continue=${first.metadata.continue}&resourceVersion=${first.metadata.resourceVersion}`,
    );
    expect(both.code).toBe(400);
    expect(both.body.message).toBe('specifying resource version is not allowed when using continue');
  });

  it('of a forgotten state answer 410 with a token to go on without it', async () => {
    if (!target.forgetHistory) return;
    const first = await target.admin.read(`${paged}?limit=5`);
    await outgrowMemory(target.admin, paged);
    const { metadata } = await target.admin.made(paged, { metadata: { name: 'zz-later' } });
    await target.forgetHistory(BigInt(metadata.resourceVersion));
    const expired = await target.admin.get(`${paged}?limit=5&continue=${first.metadata.continue}`);
    expect(expired.code).toBe(410);
    expect(expired.body.reason).toBe('Expired');
    expect(expired.body.message).toMatch(
      /^The provided continue parameter is too old to display a consistent list result\./,
    );
    const rest = await target.admin.read(`${paged}?continue=${expired.body.metadata.continue}`);
    expect(namesIn(rest)).toContain('zz-later');
    expect(namesIn(rest)).not.toContain(namesIn(first)[0]);
    const exact = await target.admin.get(
      `${paged}?resourceVersion=${first.metadata.resourceVersion}&resourceVersionMatch=Exact`,
    );
    expect(exact.code).toBe(410);
    expect(exact.body.reason).toBe('Expired');
  });
});

describe('the version of a list', () => {
  const secrets = (query: string) => `${target.core}/secrets${query}`;
  let early: string;
  let late: string;
  beforeAll(async () => {
    early = (await target.admin.made(secrets(''), { metadata: { name: 'early' } })).metadata.resourceVersion;
    late = (await target.admin.made(secrets(''), { metadata: { name: 'late' } })).metadata.resourceVersion;
  });
  const read = async (query: string) => target.admin.read(secrets(query));

  it('unset is the newest', async () => {
    const list = await read('');
    expect(namesIn(list)).toEqual(['early', 'late']);
    expect(BigInt(list.metadata.resourceVersion)).toBeGreaterThanOrEqual(BigInt(late));
  });

  it('0 is any, and ours is not behind', async () => {
    expect(namesIn(await read('?resourceVersion=0'))).toEqual(expect.arrayContaining(['early']));
  });

  it('as a bound is at least that', async () => {
    for (const match of ['', '&resourceVersionMatch=NotOlderThan']) {
      const list = await read(`?resourceVersion=${early}${match}`);
      expect(namesIn(list)).toContain('early');
      expect(BigInt(list.metadata.resourceVersion)).toBeGreaterThanOrEqual(BigInt(early));
    }
  });

  it('exact is exact', async () => {
    const list = await read(`?resourceVersion=${early}&resourceVersionMatch=Exact`);
    expect(namesIn(list)).toEqual(['early']);
    expect(list.metadata.resourceVersion).toBe(early);
  });

  it('in the future is not there yet', async () => {
    const future = String(BigInt(late) + 1_000_000n);
    for (const path of [secrets(`?resourceVersion=${future}`), secrets(`/late?resourceVersion=${future}`)]) {
      const reply = await target.admin.get(path);
      expect(reply.code).toBe(504);
      expect(reply.body).toMatchObject({
        reason: 'Timeout',
        message: expect.stringMatching(new RegExp(`^Too large resource version: ${future}, current: \\d+$`)),
        details: { causes: [{ reason: 'ResourceVersionTooLarge' }] },
      });
    }
  });

  it.each([
    ['resourceVersionMatch=Exact', 'resourceVersionMatch is forbidden unless resourceVersion is provided'],
    [
      'resourceVersion=0&resourceVersionMatch=Exact',
      'resourceVersionMatch "exact" is forbidden for resourceVersion "0"',
    ],
    ['resourceVersion=1&resourceVersionMatch=Some', 'resourceVersionMatch: Unsupported value: "Some"'],
    [
      'resourceVersion=1&resourceVersionMatch=Exact&continue=x',
      'resourceVersionMatch is forbidden when continue is provided',
    ],
    [
      'watch=1&resourceVersion=1&resourceVersionMatch=Exact',
      'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided',
    ],
    ['watch=1&sendInitialEvents=true', 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan'],
    ['sendInitialEvents=true', 'sendInitialEvents is forbidden for list'],
  ])('may not be asked by %s', async (query, text) => {
    const reply = await target.admin.get(secrets(`?${query}&timeoutSeconds=1`));
    expect(reply.code).toBe(422);
    expect(reply.body.message).toMatch(/^ListOptions\.meta\.k8s\.io "" is invalid: /);
    expect(reply.body.message).toContain(text);
  });

  it('must be a number', async () => {
    const reply = await target.admin.get(secrets('?resourceVersion=new'));
    expect(reply.code).toBe(400);
    expect(reply.body.message).toContain('strconv.ParseUint: parsing "new": invalid syntax');
  });

  it('of a single object is honoured', async () => {
    expect((await target.admin.read(secrets('/early?resourceVersion=0'))).metadata.name).toBe('early');
    expect((await target.admin.read(secrets(`/early?resourceVersion=${late}`))).metadata.name).toBe('early');
  });
});
