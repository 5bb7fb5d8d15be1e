import { runCommand } from './run-command.ts';

async function run(...args: string[]): Promise<{ code: number; printed: string; complained: string }> {
  const printed: string[] = [];
  const complained: string[] = [];
  const console = {
    env: {},
    isRoot: false,
    print: (line: string) => void printed.push(line),
    complain: (line: string) => void complained.push(line),
  };
  const code = await runCommand(args, console, new AbortController().signal);
  return { code, printed: printed.join('\n'), complained: complained.join('\n') };
}

describe('runCommand', () => {
  it.each([
    [['upp'], `unknown command "upp"; did you mean 'slipway up'? 'slipway help' lists all`],
    [['up', 'extra'], 'slipway up takes no "extra"'],
    [['down', 'extra'], 'slipway down takes no "extra"'],
    [['image', 'load'], 'usage: slipway image load FILE | pull REF | ls | rm REF'],
    [['up', '--storage', 'etcd'], '--storage etcd needs --etcd-servers URL,...'],
    [
      ['up', '--storage', 'etcd', '--etcd-servers', 'nonsense'],
      '"nonsense" is not a URL such as http://127.0.0.1:2379',
    ],
    [['up', '--config', '/nowhere.yaml'], '--config /nowhere.yaml: '],
    [
      ['up', '--cluster-cidr', '10.0.0.0/16', '--service-cluster-ip-range', '10.0.1.0/24'],
      '--cluster-cidr 10.0.0.0/16 and --service-cluster-ip-range 10.0.1.0/24 overlap',
    ],
    [['up', '--service-cluster-ip-range', '172.30.0.0/29'], '172.30.0.0/29 is too small'],
  ])('calls %j wrong usage, and nothing is started', async (args, message) => {
    const { code, printed, complained } = await run(...args);
    expect(code).toBe(2);
    expect(printed).toBe('');
    expect(complained).toContain(message);
  });

  it('has nothing to take down where nothing ever was', async () => {
    const { code, printed } = await run('down', '--data-dir', '/nowhere/at/all');
    expect([code, printed]).toEqual([0, 'nothing to remove: there is no /nowhere/at/all']);
  });

  it('prints the help of all and of one command', async () => {
    expect((await run()).printed).toContain('slipway down');
    expect((await run('help', 'up')).printed).toContain('--data-dir DIR');
    expect((await run('up', '--help')).printed).toBe((await run('help', 'up')).printed);
  });
});
