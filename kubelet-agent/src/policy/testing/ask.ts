/**
 * Run inside a pod's network namespace: asks servers, all at once, and prints for each question whether somebody answered. Those that
 * are expected to answer are asked again for a while; the others once.
 */
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { systemClock } from '@slipway/kit/clock';

interface Question {
  readonly to: string;
  readonly port: number;
  readonly protocol: string;
  readonly isExpected: boolean;
}

const patienceMs = 400;
const triesMax = 8;

const questions = JSON.parse(process.argv[2] ?? '[]') as readonly Question[];
process.stdout.write(JSON.stringify(await Promise.all(questions.map(isAnswered))));
process.exit(0);

async function isAnswered(question: Question): Promise<boolean> {
  const ask = question.protocol === 'TCP' ? askTcp : askUdp;
  for (let i = 0; i < (question.isExpected ? triesMax : 1); i++) if (await ask(question)) return true;
  return false;
}

function askTcp({ to, port }: Question): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, to);
    const end = (isHeard: boolean) => {
      cancel();
      socket.destroy();
      resolve(isHeard);
    };
    const cancel = systemClock.after(patienceMs, () => end(false));
    socket.once('data', () => end(true));
    socket.once('error', () => end(false));
  });
}

function askUdp({ to, port }: Question): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    const end = (isHeard: boolean) => {
      cancel();
      socket.close();
      resolve(isHeard);
    };
    const cancel = systemClock.after(patienceMs, () => end(false));
    socket.once('message', () => end(true));
    socket.once('error', () => end(false));
    socket.send('?\n', port, to);
  });
}
