/**
 * What a disk thread runs. It is text, so that it needs no file of its own beside a service that was
 * bundled into one, and plain old JavaScript, as no compiler sees it.
 *
 * Each message is `[name, ...args]` of one of fs's functions; the answer is `{ value }`, or
 * `{ message, code, errno, syscall, path, dest }` of the error: an error itself would lose them.
 * It waits for the bell rather than for an event, and so is at work sooner.
 */
export const diskThreadSource = `
'use strict'
const fs = require('node:fs')
const { parentPort, receiveMessageOnPort, workerData: bell } = require('node:worker_threads')

function answer([name, ...args]) {
  try {
    return { value: fs[name + 'Sync'](...args) }
  } catch ({ message, code, errno, syscall, path, dest }) {
    return { message, code, errno, syscall, path, dest }
  }
}

parentPort.postMessage('ready')
for (let rung = 0; ; ) {
  Atomics.wait(bell, 0, rung)
  rung = Atomics.load(bell, 0)
  for (let mail; (mail = receiveMessageOnPort(parentPort)) !== undefined; ) {
    parentPort.postMessage(answer(mail.message))
  }
}
`
