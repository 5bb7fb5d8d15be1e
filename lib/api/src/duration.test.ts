import { parseDurationMs } from './duration.ts';

describe('parseDurationMs', () => {
  it.each([
    ['0', 0],
    ['200ms', 200],
    ['1.5s', 1500],
    ['1m30s', 90_000],
    ['2h', 7_200_000],
  ])('reads %s', (text, ms) => {
    expect(parseDurationMs(text)).toBe(ms);
  });

  it.each(['', '5', 's', '-1s', '1s ', '1 s', '1d', 'soon'])('refuses %p', (text) => {
    expect(parseDurationMs(text)).toBeUndefined();
  });
});
