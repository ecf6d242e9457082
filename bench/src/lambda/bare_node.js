const http = require('http'), { handler } = require('./index.js');
const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':');
const agent = new http.Agent({ keepAlive: true }), path = '/2018-06-01/runtime/invocation/';
http.get({ host, port, agent, path: path + 'next' }, (answer) => {
  let text = '';
  answer.on('data', (data) => { text += data; });
  answer.on('end', async () => {
    const body = JSON.stringify(await handler(JSON.parse(text), {}));
    const id = answer.headers['lambda-runtime-aws-request-id'];
    http.request({ host, port, agent, method: 'POST', path: path + id + '/response' }).end(body);
  });
});
