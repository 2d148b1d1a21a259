/**
 * Sends commands to a server as fast as it takes them.
 *
 * Runs in the main thread of a scenario. Rejects when the server answers with an error or closes the connection.
 */
import { once } from 'node:events'
import net from 'node:net'
import { encodeCommand } from './encode.js'
import { ReplyCounter } from './replies.js'

const BATCH_BYTES = 256 * 1024

export async function pipeCommands(port: number, commands: Iterable<readonly (string | number)[]>): Promise<void> {
  const socket = net.connect(port, '127.0.0.1')
  await once(socket, 'connect')
  const counter = new ReplyCounter()
  let awaited = 0
  let refusal = ''
  let wake = (): void => {}
  socket.on('data', (chunk: Buffer) => {
    awaited -= counter.count(chunk)
    if (counter.errors > 0) refusal = chunk.toString('latin1').slice(0, 200)
    wake()
  })
  socket.on('close', () => {
    refusal ||= 'the connection was closed'
    wake()
  })
  // One batch is on its way while the next is being made.
  const answered = async (left: number): Promise<void> => {
    while (awaited > left && refusal === '') {
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
    if (refusal !== '') throw new Error(`a command was refused: ${refusal}`)
  }
  try {
    let batch: Buffer[] = []
    let bytes = 0
    const send = async (): Promise<void> => {
      await answered(0)
      awaited += batch.length
      socket.write(Buffer.concat(batch))
      batch = []
      bytes = 0
    }
    for (const command of commands) {
      const encoded = encodeCommand(command)
      batch.push(encoded)
      bytes += encoded.length
      if (bytes >= BATCH_BYTES) await send()
    }
    await send()
    await answered(0)
  } finally {
    socket.destroy()
  }
}
