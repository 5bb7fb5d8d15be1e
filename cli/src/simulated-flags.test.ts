import { parseCapacity, parseLabels, parseTaints, parseZones } from './simulated-flags.ts';
import { UsageError } from './usage-error.ts';

it('reads lists of labels, taints, amounts and zones', () => {
  expect(parseLabels('disk=ssd, example.com/pool=a,empty=')).toEqual({
    disk: 'ssd',
    'example.com/pool': 'a',
    empty: '',
  });
  expect(parseTaints('gpu=yes:NoSchedule,spot:NoExecute')).toEqual([
    { key: 'gpu', value: 'yes', effect: 'NoSchedule' },
    { key: 'spot', effect: 'NoExecute' },
  ]);
  expect(parseCapacity('cpu=4000m,memory=8Gi,example.com/gpu=2')).toEqual({
    cpu: '4',
    memory: '8Gi',
    'example.com/gpu': '2',
  });
  expect(parseZones('a,b')).toEqual(['a', 'b']);
  expect([parseLabels(undefined), parseTaints(undefined), parseZones('')]).toEqual([{}, [], []]);
});

it.each([
  [() => parseLabels('disk'), '--label: "disk" is not of the form NAME=VALUE'],
  [() => parseLabels('a b=c'), /^--label: "a b=c": name part/],
  [() => parseTaints('gpu=yes'), /^--taint: "gpu=yes" does not end with :EFFECT, one of NoSchedule/],
  [() => parseTaints('gpu=yes:Sometimes'), /^--taint: .* one of NoSchedule/],
  [() => parseCapacity('cpu=many'), '--capacity: "cpu=many": "many" is no quantity'],
  [() => parseZones('eu west'), /^--zones: "eu west": /],
])('says what it cannot read (%#)', (parse, message) => {
  expect(parse).toThrow(UsageError);
  expect(parse).toThrow(message);
});
