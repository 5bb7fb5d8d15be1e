import { basename } from 'node:path';
import { isTest, readSources, type SourceFile } from './sources.ts';

const sources = readSources();

/** A banned expression, where it is allowed nevertheless, and what to use instead. */
interface Ban {
  readonly what: RegExp;
  readonly allowed: (file: SourceFile) => boolean;
  readonly instead: string;
}

const inKit = (file: SourceFile) => file.path.startsWith('lib/kit/');
/** This folder spells out what it bans. */
const inTidy = (file: SourceFile) => file.path.startsWith('e2e/tidy/');

const bans: readonly Ban[] = [
  {
    what: /\bDate\.now\(/,
    allowed: (file) => inKit(file) || isTest(file.path),
    instead: 'a Clock from @slipway/kit/clock',
  },
  {
    what: /\bMath\.random\(/,
    allowed: (file) => inKit(file) || isTest(file.path),
    instead: 'a Random from @slipway/kit/random',
  },
  {
    what: /(?<![.\w])set(Timeout|Interval)\(/,
    allowed: (file) => inKit(file) || isTest(file.path),
    instead: 'Clock.after or Clock.sleep',
  },
  {
    what: /(?<![.\w])setImmediate\(/,
    allowed: (file) => inKit(file) || isTest(file.path),
    instead: 'nextTurn from @slipway/kit/next-turn',
  },
  { what: /(\bas any\b|: any\b(?![ (]))/, allowed: inTidy, instead: 'unknown and a guard' },
  { what: /@ts-(ignore|expect-error|nocheck)/, allowed: inTidy, instead: 'a type that is true' },
  { what: /\b(TODO|FIXME|XXX)\b/, allowed: inTidy, instead: 'an issue' },
  {
    what: /\b(describe|it|test)\.(only|skip)\(/,
    allowed: inTidy,
    instead: 'a capability check that names what is missing',
  },
  {
    what: /\bprocess\.env\b/,
    allowed: (file) =>
      isTest(file.path) ||
      /^cli\/src\//.test(file.path) ||
      file.path === 'cni/src/skeleton/run-plugin.ts' ||
      inKit(file),
    instead: 'configuration parsed once by cli',
  },
  { what: /\bexport default\b/, allowed: inTidy, instead: 'a named export' },
];

function offences(ban: Ban): string[] {
  return sources
    .filter((file) => !ban.allowed(file))
    .flatMap((file) =>
      file.text
        .split('\n')
        .map((line, index) => ({ line, at: `${file.path}:${index + 1}` }))
        .filter(({ line }) => ban.what.test(line) && !/^\s*(\/\/|\*|\/\*)/.test(line))
        .map(({ at }) => at),
    );
}

describe('taste', () => {
  it.each(bans.map((ban) => [ban.what.source, ban.instead, ban] as const))(
    'has no %s (instead: %s)',
    (_what, _instead, ban) => {
      expect(offences(ban)).toEqual([]);
    },
  );

  it('has no file that outgrew its name', () => {
    const limit = (file: SourceFile) => (isTest(file.path) ? 800 : 450);
    const isTable = (file: SourceFile) => /\b(table of|generated)\b/i.test(file.text.slice(0, 300));
    const lines = (file: SourceFile) => file.text.split('\n').length;
    const long = sources.filter((file) => !isTable(file) && lines(file) > limit(file));
    expect(long.map((file) => `${file.path}: ${lines(file)} lines`)).toEqual([]);
  });

  it('names files in kebab-case and for what they hold', () => {
    const kebab = /^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9-]+)*\.ts$/;
    const vague = /^(utils?|helpers?|common|misc)\.ts$/;
    const bad = sources.filter((file) => !kebab.test(basename(file.path)) || vague.test(basename(file.path)));
    expect(bad.map((file) => file.path)).toEqual([]);
  });
});
