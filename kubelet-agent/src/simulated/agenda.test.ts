import { VirtualClock } from '@slipway/kit/virtual-clock';
import { Agenda } from './agenda.ts';

const set = () => {
  const clock = new VirtualClock();
  const agenda = new Agenda(clock);
  const startMs = clock.monotonicMs();
  const heard: string[] = [];
  const say = (what: string) => () => void heard.push(`${what} ${clock.monotonicMs() - startMs}`);
  return { clock, agenda, heard, say };
};

it('wakes everything in its time and nothing before', async () => {
  const { clock, agenda, heard, say } = set();
  agenda.after(120, say('c'));
  agenda.after(10, say('a'));
  agenda.after(20, say('b'));
  await clock.advance(49);
  expect(heard).toEqual([]);
  await clock.advance(500);
  expect(heard).toEqual(['a 50', 'b 50', 'c 150']);
  expect([agenda.size, clock.nextTimerMs()]).toEqual([0, undefined]);
});

it('needs one timer for many', async () => {
  const { clock, agenda, heard, say } = set();
  for (let i = 0; i < 1000; i++) agenda.after(20_000 + i, say('x'));
  let timers = 0;
  while (clock.nextTimerMs() !== undefined) {
    timers++;
    await clock.advance((clock.nextTimerMs() ?? 0) - clock.monotonicMs());
  }
  expect(heard).toHaveLength(1000);
  expect(timers).toBeLessThanOrEqual(2);
});

it('takes back what is no longer wanted, and takes on more while it wakes', async () => {
  const { clock, agenda, heard, say } = set();
  agenda.after(10, say('never'))();
  agenda.after(10, () => agenda.after(0, say('then')));
  await clock.advance(200);
  expect(heard).toEqual(['then 50']);
  agenda.after(10, say('no more'));
  agenda.clear();
  await clock.advance(200);
  expect(heard).toEqual(['then 50']);
});
