import { isTimeZone, parseCronSchedule } from './cron-schedule.ts';

const valuesOf = (text: string) => {
  const { fields } = parseCronSchedule(text);
  return {
    minutes: [...(fields?.minutes ?? [])],
    hours: [...(fields?.hours ?? [])],
    daysOfWeek: [...(fields?.daysOfWeek ?? [])],
  };
};

describe('parseCronSchedule', () => {
  it('reads lists, ranges, steps and names', () => {
    expect(valuesOf('0,30 8-10 * jan MON-wed')).toEqual({ minutes: [0, 30], hours: [8, 9, 10], daysOfWeek: [1, 2, 3] });
    expect(valuesOf('*/20 22/1 * * 0')).toEqual({ minutes: [0, 20, 40], hours: [22, 23], daysOfWeek: [0] });
  });

  it('knows which day field restricts nothing', () => {
    expect(parseCronSchedule('0 0 * * 1').fields).toMatchObject({ anyDayOfMonth: true, anyDayOfWeek: false });
    expect(parseCronSchedule('0 0 */2 * ?').fields).toMatchObject({ anyDayOfMonth: false, anyDayOfWeek: true });
  });

  it('knows names and zones', () => {
    expect(valuesOf('@hourly').minutes).toEqual([0]);
    expect(parseCronSchedule('@every 1h30m').everySeconds).toBe(5400);
    expect(parseCronSchedule('CRON_TZ=Europe/Berlin 0 1 * * *').timeZone).toBe('Europe/Berlin');
  });

  it.each([
    ['* * *', 'expected exactly 5 fields, found 3: [* * *]'],
    ['60 * * * *', 'end of range (60) above maximum (59): 60'],
    ['* * 0 * *', 'beginning of range (0) below minimum (1): 0'],
    ['5-1 * * * *', 'beginning of range (5) beyond end of range (1): 5-1'],
    ['a * * * *', 'failed to parse int from a: strconv.Atoi: parsing "a": invalid syntax'],
    ['*/0 * * * *', 'step of range should be a positive number: */0'],
    ['1-2-3 * * * *', 'too many hyphens: 1-2-3'],
    ['1/2/3 * * * *', 'too many slashes: 1/2/3'],
    ['-1 * * * *', 'failed to parse int from : strconv.Atoi: parsing "": invalid syntax'],
    ['@never', 'unrecognized descriptor: @never'],
    ['TZ=Nowhere/City * * * * *', 'provided bad location Nowhere/City: unknown time zone Nowhere/City'],
  ])('refuses %s', (text, message) => {
    expect(() => parseCronSchedule(text)).toThrow(message);
  });
});

describe('isTimeZone', () => {
  it.each([
    ['UTC', true],
    ['America/New_York', true],
    ['+01:00', false],
    ['Mars/Base', false],
  ])('%s: %s', (name, expected) => {
    expect(isTimeZone(name)).toBe(expected);
  });
});
