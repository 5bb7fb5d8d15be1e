import type { Command } from './command.ts';
import { type Flag, flagOf } from './flags.ts';

export function overview(commands: readonly Command[]): string {
  const rows = commands.map((command) => [
    `slipway ${command.name}${command.operands ? ` ${command.operands}` : ''}`,
    command.summary,
  ]);
  return `${['slipway: Kubernetes-compatible platform on this machine', '', ...aligned(rows), '', "'slipway COMMAND --help' shows a command's flags."].join('\n')}`;
}

export function commandHelp(command: Command): string {
  const rows = command.flags.map((name) => flagRow(flagOf(name)));
  const head = `slipway ${command.name}${command.operands ? ` ${command.operands}` : ''}  ${command.summary}`;
  return [
    head,
    '',
    ...aligned(rows),
    '',
    'A flag may also be given by environment (SLIPWAY_DATA_DIR) and by --config FILE (YAML).',
  ].join('\n');
}

function flagRow(flag: Flag): [string, string] {
  const value = flag.type === 'choice' ? ` ${flag.choices?.join('|')}` : flag.placeholder ? ` ${flag.placeholder}` : '';
  const shown = flag.type === 'boolean' && flag.default === true ? `--no-${flag.name}` : `--${flag.name}${value}`;
  const byDefault = flag.default === undefined || flag.type === 'boolean' ? '' : ` (default ${flag.default})`;
  return [shown, `${flag.help}${byDefault}`];
}

function aligned(rows: readonly (readonly string[])[]): string[] {
  const width = Math.min(Math.max(...rows.map(([left = '']) => left.length)), 40);
  return rows.map(([left = '', right = '']) => `  ${left.padEnd(width)}  ${right}`);
}
