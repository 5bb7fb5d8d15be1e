/**
 * What `resourceVersion`, `resourceVersionMatch`, `limit`, `continue` and `sendInitialEvents` mean together, for lists and watches:
 * the whole table. EARLY is the version after the first of two objects, LATE that after the second, FUTURE one that is not there yet.
 */
import type { Metadata } from './api-client.ts';
import { useTarget } from './target.ts';

const target = useTarget();

const unlessProvided = 'resourceVersionMatch is forbidden unless resourceVersion is provided';
const withContinue = 'resourceVersionMatch is forbidden when continue is provided';
const exactZero = 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"';
const unlessInitial = 'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided';
const initialNeedsMatch = 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan';
const noInitialForList = 'sendInitialEvents is forbidden for list';
const onlyNotOlder = 'Unsupported value: "Exact": supported values: "NotOlderThan"';

type Refusal = readonly [code: number, ...texts: string[]];

/** What a list shows: names, or why it is refused. */
const lists: readonly (readonly [query: string, expected: readonly string[] | Refusal])[] = [
  ['', ['a', 'b']],
  ['resourceVersion=0', ['a', 'b']],
  ['resourceVersion=EARLY', ['a', 'b']],
  ['resourceVersion=LATE', ['a', 'b']],
  ['resourceVersion=FUTURE', [504, 'Too large resource version: FUTURE, current: ']],
  ['limit=1', ['a']],
  ['limit=1&resourceVersion=EARLY', ['a']],
  ['limit=2&resourceVersion=EARLY', ['a']],
  ['limit=2&resourceVersion=LATE', ['a', 'b']],
  ['resourceVersionMatch=Exact', [422, unlessProvided]],
  ['resourceVersionMatch=NotOlderThan', [422, unlessProvided]],
  ['resourceVersionMatch=Exact&resourceVersion=0', [422, exactZero]],
  ['resourceVersionMatch=NotOlderThan&resourceVersion=0', ['a', 'b']],
  ['resourceVersionMatch=Exact&resourceVersion=EARLY', ['a']],
  ['resourceVersionMatch=Exact&resourceVersion=LATE', ['a', 'b']],
  ['resourceVersionMatch=Exact&resourceVersion=EARLY&limit=1', ['a']],
  ['resourceVersionMatch=NotOlderThan&resourceVersion=EARLY', ['a', 'b']],
  ['resourceVersionMatch=NotOlderThan&resourceVersion=EARLY&limit=2', ['a', 'b']],
  ['resourceVersionMatch=NotOlderThan&resourceVersion=FUTURE', [504, 'Too large resource version: FUTURE, current: ']],
  ['resourceVersionMatch=Exact&resourceVersion=FUTURE', [504, 'Too large resource version: FUTURE, current: ']],
  [
    'resourceVersionMatch=Never&resourceVersion=1',
    [422, 'Unsupported value: "Never": supported values: "Exact", "NotOlderThan", ""'],
  ],
  ['resourceVersionMatch=Never', [422, unlessProvided, 'Unsupported value: "Never"']],
  ['continue=TOKEN&limit=1', ['b']],
  ['continue=TOKEN&limit=1&resourceVersion=0', ['b']],
  [
    'continue=TOKEN&limit=1&resourceVersion=EARLY',
    [400, 'specifying resource version is not allowed when using continue'],
  ],
  ['continue=TOKEN&resourceVersionMatch=NotOlderThan', [422, unlessProvided, withContinue]],
  ['continue=TOKEN&resourceVersion=1&resourceVersionMatch=Exact', [422, withContinue]],
  ['continue=nonsense', [400, 'continue key is not valid']],
  ['sendInitialEvents=true', [422, noInitialForList]],
  ['sendInitialEvents=false', [422, noInitialForList]],
  ['sendInitialEvents=true&resourceVersion=1&resourceVersionMatch=NotOlderThan', [422, noInitialForList]],
  ['resourceVersion=-1', [400, 'Invalid value: "-1"']],
  ['limit=x', [400, 'strconv.ParseInt: parsing "x": invalid syntax']],
];

/** What a watch begins with. */
const watches: readonly (readonly [query: string, expected: readonly string[] | Refusal])[] = [
  ['', ['ADDED a', 'ADDED b']],
  ['resourceVersion=0', ['ADDED a', 'ADDED b']],
  ['resourceVersion=EARLY', ['ADDED b']],
  ['resourceVersion=LATE', []],
  ['sendInitialEvents=true', [422, initialNeedsMatch]],
  ['sendInitialEvents=false', [422, initialNeedsMatch]],
  ['sendInitialEvents=true&resourceVersionMatch=Exact', [422, initialNeedsMatch, onlyNotOlder]],
  ['resourceVersionMatch=NotOlderThan', [422, unlessInitial]],
  ['resourceVersionMatch=NotOlderThan&resourceVersion=1', [422, unlessInitial]],
  ['resourceVersionMatch=Exact&resourceVersion=1', [422, unlessInitial, onlyNotOlder]],
  ['sendInitialEvents=true&resourceVersionMatch=NotOlderThan&continue=TOKEN', [422, withContinue]],
  ['sendInitialEvents=true&resourceVersionMatch=NotOlderThan', ['ADDED a', 'ADDED b', 'end']],
  ['sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=0', ['ADDED a', 'ADDED b', 'end']],
  ['sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=EARLY', ['ADDED a', 'ADDED b', 'end']],
  ['sendInitialEvents=false&resourceVersionMatch=NotOlderThan', []],
  ['sendInitialEvents=false&resourceVersionMatch=NotOlderThan&resourceVersion=0', []],
  ['sendInitialEvents=false&resourceVersionMatch=NotOlderThan&resourceVersion=EARLY', ['ADDED b']],
  ['resourceVersion=new', [400, 'Invalid value: "new"']],
  ['timeoutSeconds=x', [400, 'strconv.ParseInt: parsing "x": invalid syntax']],
];

describe('the versions of', () => {
  let collection: string;
  const words: Record<string, string> = {};
  const said = (text: string) => text.replaceAll(/EARLY|LATE|FUTURE|TOKEN/g, (word) => words[word] ?? word);

  beforeAll(async () => {
    collection = `/api/v1/namespaces/${await target.newNamespace()}/secrets`;
    words.EARLY = (await target.admin.made(collection, { metadata: { name: 'a' } })).metadata.resourceVersion;
    words.LATE = (await target.admin.made(collection, { metadata: { name: 'b' } })).metadata.resourceVersion;
    words.FUTURE = String(BigInt(words.LATE) + 1_000_000n);
    const page: { metadata: Metadata } = await target.admin.read(`${collection}?limit=1`);
    words.TOKEN = page.metadata.continue ?? '';
  });

  const expectRefusal = async (query: string, [code, ...texts]: Refusal) => {
    const reply = await target.admin.get(`${collection}?${query}`);
    expect(reply.code).toBe(code);
    for (const text of texts) expect(reply.body.message).toContain(said(text));
  };

  it.each(lists)('a list with %j: %j', async (asked, expected) => {
    const query = said(asked);
    if (isRefusal(expected)) return await expectRefusal(query, expected);
    const { items } = await target.admin.read(`${collection}?${query}`);
    expect(items.map(({ metadata }) => metadata.name)).toEqual(expected);
  });

  it.each(watches)('a watch with %j: %j', async (asked, expected) => {
    const query = `${said(asked)}${asked === '' ? '' : '&'}allowWatchBookmarks=true`;
    if (isRefusal(expected)) return await expectRefusal(`${query}&watch=1`, expected);
    const reader = await target.admin.watch(`${collection}?${query}`);
    // Whatever the watch begins with, what comes next is what happens next.
    const marker = await target.admin.merge(`${collection}/b`, { metadata: { labels: { at: String(++changes) } } });
    const events = await reader.until(
      ({ object }) => object.metadata.resourceVersion === marker.body.metadata.resourceVersion,
    );
    reader.close();
    const begun = events.slice(0, -1).map(({ type, object: { metadata } }) => {
      if (type !== 'BOOKMARK') return `${type} ${metadata.name}`;
      return metadata.annotations?.['k8s.io/initial-events-end'] === 'true' ? 'end' : type;
    });
    // Changes of the tests before this one come after EARLY and LATE.
    expect(begun.filter((event) => !event.startsWith('MODIFIED'))).toEqual(expected);
  });
  let changes = 0;
});

function isRefusal(expected: readonly string[] | Refusal): expected is Refusal {
  return typeof expected[0] === 'number';
}
