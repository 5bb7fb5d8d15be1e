import { contradictions, type History } from './history.ts';

const write = (name: string, resourceVersion: bigint, value?: number) => ({
  name,
  uid: `uid-${name}`,
  resourceVersion,
  ...(value === undefined ? {} : { value }),
});
const events = [
  { type: 'ADDED', name: 'a', resourceVersion: 5n },
  { type: 'ADDED', name: 'n', resourceVersion: 6n },
  { type: 'MODIFIED', name: 'n', resourceVersion: 7n },
];
const sound: History = {
  writes: [write('a', 5n), write('n', 6n, 1), write('n', 7n, 2)],
  unknownIncrements: new Map(),
  watchers: new Map([
    ['one', events],
    ['two', events],
  ]),
  stored: new Map([
    ['a', { uid: 'uid-a', value: undefined }],
    ['n', { uid: 'uid-n', value: 2 }],
  ]),
};
const stored = (name: string, uid: string, value?: number) =>
  new Map([...sound.stored, [name, { uid, value }] as const]);
const seenByTwo = (seen: typeof events) => new Map([...sound.watchers, ['two', seen] as const]);

describe('contradictions', () => {
  it('finds none in a sound history', () => {
    expect(contradictions(sound)).toEqual([]);
  });

  it.each<[string, Partial<History>]>([
    ['a was acknowledged and is not stored', { stored: new Map([...sound.stored].slice(1)) }],
    ['a was acknowledged with uid uid-a and is stored with other', { stored: stored('a', 'other') }],
    ['n ends at 1 after 2 was acknowledged', { stored: stored('n', 'uid-n', 1) }],
    ['n ends at 3 after 2 acknowledged increments and 0 others', { stored: stored('n', 'uid-n', 3) }],
    ['n was 2 at 6 and 2 at 7', { writes: [write('n', 6n, 2), write('n', 7n, 2)] }],
    ['two never saw n at 7', { watchers: seenByTwo(events.slice(0, 2)) }],
    ['two saw n at 7 after n at 7', { watchers: seenByTwo([...events, ...events.slice(2)]) }],
    [
      'two saw n ADDED at 7, not MODIFIED',
      {
        watchers: seenByTwo(events.map((event) => ({ ...event, type: 'ADDED' }))),
      },
    ],
  ])('finds: %s', (text, change) => {
    expect(contradictions({ ...sound, ...change })).toContain(text);
  });
});
