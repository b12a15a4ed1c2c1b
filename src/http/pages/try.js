// The upload page: the flow of every client, a file at a time, three files at once.

// The contract says where the API stands, and what there is to choose.
const contract = await (await fetch('/openapi.json')).json();
const API = new URL(contract.servers[0].url, location.href).href;
const nameable = new RegExp(contract.components.parameters.FileName.schema.pattern, 'u');
const AT_ONCE = 3;
const ATTEMPTS = 3;

const $ = (id) => document.getElementById(id);
const form = $('form');
const token = $('token');
const list = $('list');

/** The files that were chosen, in their order. `state` is waiting, running, stored or refused. */
const uploads = [];

// ---- What is refused, in words

/** Why an upload came to nothing, as the server said it or as this page knows it. */
class Refusal extends Error {
  constructor(message, { status = 0, code, errors = [], instance } = {}) {
    super(message);
    Object.assign(this, { status, code, errors, instance });
  }

  /** Whether the same request may succeed later. */
  get passes() {
    return this.status === 0 || this.status === 503;
  }

  static of(status, text) {
    try {
      const problem = JSON.parse(text);
      return new Refusal(problem.message, { ...problem, status });
    } catch {
      return new Refusal(`The server answered ${status}, and not as an attachment service does.`, { status });
    }
  }
}

const UNREACHABLE = 'The server cannot be reached. Is it running, and is this computer online?';
const CANCELLED = 'Cancelled.';
const UNREADABLE = 'The file cannot be read: it is gone, or has changed since it was chosen, or is a folder. Choose it again.';

/** Whether a file is still what was chosen. */
async function readable(file) {
  try {
    await file.slice(-1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}

/** `/body/field` or `/query/name`, as a person would call it. */
function field(pointer) {
  const names = pointer.split('/').slice(1).map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
  return names.join(' › ') || 'the body';
}

// ---- The flow

/** Sends a request; an answer that is none of success is a `Refusal`. The progress is that of the body, between 0 and 1. */
function send(method, url, { headers = {}, body, signal, progress }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(method, url);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => progress?.(event.total ? event.loaded / event.total : 1);
    request.onload = () =>
      request.status < 300 ? resolve(request.responseText) : reject(Refusal.of(request.status, request.responseText));
    request.onerror = () => reject(new Refusal(UNREACHABLE));
    request.onabort = () => reject(new Refusal(CANCELLED, { status: -1 }));
    if (signal.aborted) return reject(new Refusal(CANCELLED, { status: -1 }));
    signal.addEventListener('abort', () => request.abort(), { once: true });
    request.send(body);
  });
}

/** Each step may be repeated: signing changes nothing, the same bytes are accepted again, and so is a second notify. */
async function attempt(step, file) {
  for (let tried = 1; ; tried += 1) {
    try {
      return await step();
    } catch (refusal) {
      if (file && !(await readable(file))) throw new Refusal(UNREADABLE, { status: -1 });
      if (!(refusal instanceof Refusal) || !refusal.passes || tried === ATTEMPTS) throw refusal;
      await new Promise((resolve) => setTimeout(resolve, 500 * 2 ** tried));
    }
  }
}

const bearer = () => ({ Authorization: `Bearer ${token.value.trim()}` });

function signatureOf(file) {
  const request = { contentType: file.type, contentLength: file.size, type: Number($('type').value) };
  return $('base').value.trim() ? { ...request, baseId: $('base').value.trim() } : request;
}

async function store(upload) {
  const { file, signal } = upload;
  if (!(await readable(file))) throw new Refusal(UNREADABLE, { status: -1 });
  // What notify would refuse is not sent first.
  if (!nameable.test(file.name)) throw new Refusal("A file's name may have no control characters.", { status: -1 });
  say(upload, 'Asking for a signature…');
  const headers = { ...bearer(), 'Content-Type': 'application/json' };
  const body = JSON.stringify(upload.asked);
  const signed = JSON.parse(await attempt(() => send('POST', `${API}/attachments/signature`, { headers, body, signal })));

  say(upload, 'Sending…');
  // A browser sets the length itself, and the address is the credential.
  const { 'Content-Length': _, ...own } = signed.requestHeaders;
  const progress = (part) => {
    upload.bar.value = part;
    say(upload, part < 1 ? `Sending, ${Math.floor(part * 100)} %…` : 'Sent; the server is storing it…');
  };
  // Object stores may be told to make an object where none is: 412 then says that an attempt whose answer was lost has made it, and notify
  // tells whether it is what was signed.
  const madeOnce = Object.keys(own).some((name) => name.toLowerCase() === 'if-none-match');
  const put = () =>
    send(signed.uploadMethod, signed.url, { headers: own, body: file, signal, progress }).catch((refusal) => {
      if (!madeOnce || refusal.status !== 412) throw refusal;
    });
  await attempt(put, file);

  say(upload, 'Notifying…');
  const query = new URLSearchParams({ filename: file.name });
  const notify = `${API}/attachments/notify/${encodeURIComponent(signed.token)}?${query}`;
  return JSON.parse(await attempt(() => send('POST', notify, { headers: bearer(), signal })));
}

async function run(upload) {
  upload.asked = signatureOf(upload.file);
  upload.refusal = undefined;
  upload.abort = new AbortController();
  upload.signal = upload.abort.signal;
  become(upload, 'running');
  try {
    const stored = await store(upload);
    upload.stored = stored;
    become(upload, 'stored');
  } catch (error) {
    upload.refusal = error instanceof Refusal ? error : new Refusal(`This page failed: ${error.message}`);
    become(upload, 'refused');
    if (upload.refusal.status === 401) refuseToken(upload.refusal.message);
  }
}

/** Whether files are on their way; what is added meanwhile goes along. */
let working = false;

/** Runs what is waiting, a few at once. */
async function runAll() {
  if (working) return;
  working = true;
  let known = true;
  const worker = async () => {
    // What one file's token was refused for, the others would be refused for too.
    for (let next; known && (next = uploads.find(({ state }) => state === 'waiting')); ) {
      await run(next);
      known &&= next.refusal?.status !== 401;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  working = false;
  summarize();
}

// ---- What is shown

const UNITS = ['bytes', 'kB', 'MB', 'GB'];

function size(bytes) {
  const power = bytes < 1000 ? 0 : Math.min(Math.floor(Math.log10(bytes) / 3), 3);
  const number = (bytes / 1000 ** power).toLocaleString('en', { maximumFractionDigits: power ? 1 : 0 });
  return bytes === 1 ? '1 byte' : `${number} ${UNITS[power]}`;
}

function say(upload, text) {
  upload.row.querySelector('.state').textContent = text;
}

const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

function curl(upload) {
  const { file } = upload;
  const body = JSON.stringify(upload.asked ?? signatureOf(file));
  return [
    'TOKEN=YOUR_TOKEN',
    `signed=$(curl -sS --fail-with-body ${quoted(`${API}/attachments/signature`)} \\`,
    `  -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \\`,
    `  -d ${quoted(body)})`,
    `jq -r '.requestHeaders | to_entries[] | "\\(.key): \\(.value)"' <<<"$signed" |`,
    `  curl -sS --fail-with-body --globoff -T ${quoted(`./${file.name}`)} -H @- "$(jq -r .url <<<"$signed")"`,
    `curl -sS --fail-with-body -X POST -H "Authorization: Bearer $TOKEN" \\`,
    `  ${quoted(`${API}/attachments/notify/`)}"$(jq -r .token <<<"$signed")"${quoted(`?${new URLSearchParams({ filename: file.name })}`)}`,
  ].join('\n');
}

/** The picture, or what kind of file it is. */
function picture(upload, address) {
  const frame = upload.row.querySelector('.picture');
  const kind = upload.file.name.match(/\.([^.]{1,5})$/)?.[1] ?? 'file';
  if (!upload.file.type.startsWith('image/')) {
    frame.replaceChildren(kind);
    return;
  }
  const image = new Image();
  image.alt = '';
  image.onerror = () => frame.replaceChildren(kind);
  image.src = address;
  frame.replaceChildren(image);
}

function explain(upload) {
  const { message, errors, status, code, instance } = upload.refusal;
  const problem = upload.row.querySelector('.words');
  const sentence = document.createElement('p');
  sentence.textContent = /[.!?]$/.test(message) ? message : `${message}.`;
  problem.replaceChildren(sentence);
  if (errors.length > 0) {
    const each = document.createElement('ul');
    each.append(
      ...errors.map((error) => {
        const line = document.createElement('li');
        const name = document.createElement('strong');
        name.textContent = field(error.pointer);
        line.append(name, `: ${error.message}`);
        return line;
      }),
    );
    // The sentence of one field says the same.
    if (errors.length > 1) problem.append(each);
  }
  const facts = [status > 0 && `Status ${status}`, code, instance && `request ${instance.replace('urn:uuid:', '')}`].filter(Boolean);
  if (facts.length > 0) {
    const line = document.createElement('p');
    line.className = 'hint';
    line.textContent = facts.join(', ');
    problem.append(line);
  }
}

function become(upload, state) {
  const { row, file, bar } = upload;
  const part = (name) => row.querySelector(name);
  upload.state = state;
  row.dataset.state = state;
  part('.problem').hidden = state !== 'refused';
  part('.result').hidden = state !== 'stored';
  part('.remove').hidden = state === 'running';
  part('code:not(summary code)').textContent = curl(upload);
  part('.sending').hidden = state !== 'running';
  if (state === 'waiting') {
    bar.value = 0;
    say(upload, `${size(file.size)}, waiting`);
  } else if (state === 'stored') {
    const { width, height, presignedUrl, mimetype } = upload.stored;
    const pixels = width ? `, ${width} × ${height} pixels` : '';
    say(upload, `Stored: ${mimetype}, ${size(upload.stored.size)}${pixels}`);
    part('.open').href = presignedUrl;
    part('.open').ariaLabel = `Open ${file.name}`;
    picture(upload, presignedUrl);
  } else if (state === 'refused') {
    say(upload, `${size(file.size)}, not stored`);
    explain(upload);
  }
  summarize();
}

function summarize() {
  const count = (...states) => uploads.filter(({ state }) => states.includes(state)).length;
  const files = (number) => (number === 1 ? '1 file' : `${number} files`);
  const [waiting, running, stored, refused] = ['waiting', 'running', 'stored', 'refused'].map((state) => count(state));
  $('upload').disabled = working || waiting === 0;
  $('upload').textContent = working ? 'Uploading…' : waiting === 0 ? 'Upload' : `Upload ${files(waiting)}`;
  $('again').hidden = working || refused === 0;
  $('again').textContent = `Try ${files(refused)} again`;
  $('clear').hidden = working || uploads.length === 0;
  $('list-title').hidden = uploads.length === 0;
  const told = [working && waiting && `${waiting} waiting`, running && `${running} on the way`, stored && `${stored} stored`, refused && `${refused} not stored`];
  $('summary').textContent = told.filter(Boolean).join(', ');
}

// ---- What a person does

function add(files) {
  for (const file of files) {
    const row = $('row').content.firstElementChild.cloneNode(true);
    const upload = { file, row, bar: row.querySelector('progress') };
    row.querySelector('.name').textContent = file.name;
    upload.bar.ariaLabel = `Progress of ${file.name}`;
    row.querySelector('pre').ariaLabel = `Commands for ${file.name}`;
    row.querySelector('pre').setAttribute('role', 'region');
    row.querySelector('.again').ariaLabel = `Try ${file.name} again`;
    row.querySelector('.again').onclick = () => {
      become(upload, 'waiting');
      start();
    };
    row.querySelector('.remove').ariaLabel = `Remove ${file.name}`;
    row.querySelector('.remove').onclick = () => remove(upload);
    row.querySelector('.cancel').ariaLabel = `Cancel ${file.name}`;
    row.querySelector('.cancel').onclick = () => upload.abort.abort();
    row.querySelector('.copy-link').onclick = (event) => copy(event.target, upload.stored.presignedUrl);
    row.querySelector('.copy-curl').onclick = (event) => copy(event.target, curl(upload));
    uploads.push(upload);
    list.append(row);
    upload.preview = URL.createObjectURL(file);
    picture(upload, upload.preview);
    become(upload, 'waiting');
  }
}

function remove(upload) {
  uploads.splice(uploads.indexOf(upload), 1);
  URL.revokeObjectURL(upload.preview);
  const next = upload.row.nextElementSibling ?? upload.row.previousElementSibling;
  upload.row.remove();
  // The keyboard stays where it was.
  (next?.querySelector('.remove') ?? $('files')).focus();
  summarize();
}

async function copy(button, text) {
  const label = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = 'Copied';
  } catch {
    // Pages that are not served from localhost or over https may not write to the clipboard.
    button.textContent = 'Select it and copy';
  }
  setTimeout(() => (button.textContent = label), 2000);
}

function refuseToken(message) {
  $('token-problem').textContent = message;
  $('token-problem').hidden = false;
  token.setAttribute('aria-invalid', 'true');
  token.focus();
}

function start() {
  if (!token.value.trim()) return refuseToken('An access token is needed to ask for a signature.');
  if (!/^[!-~]+$/.test(token.value.trim())) return refuseToken('An access token has no spaces and no characters beyond ASCII.');
  $('token-problem').hidden = true;
  token.removeAttribute('aria-invalid');
  sessionStorage.setItem('token', token.value.trim());
  uploads.find(({ state }) => state === 'waiting')?.row.scrollIntoView({ block: 'center' });
  runAll();
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  start();
});
$('files').addEventListener('change', () => {
  add($('files').files);
  $('files').value = '';
});
$('again').addEventListener('click', () => {
  for (const upload of uploads.filter(({ state }) => state === 'refused')) become(upload, 'waiting');
  start();
});
addEventListener('beforeunload', (event) => {
  if (working) event.preventDefault();
});
$('clear').addEventListener('click', () => {
  for (const upload of [...uploads]) remove(upload);
});
$('reveal').addEventListener('click', () => {
  const shown = token.type === 'text';
  token.type = shown ? 'password' : 'text';
  $('reveal').textContent = shown ? 'Show' : 'Hide';
  $('reveal').ariaPressed = String(!shown);
});
// A file that misses the field must not replace the page.
for (const kind of ['dragenter', 'dragover']) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    $('drop').classList.add('over');
  });
}
document.addEventListener('dragleave', (event) => {
  if (!event.relatedTarget) $('drop').classList.remove('over');
});
document.addEventListener('drop', (event) => {
  event.preventDefault();
  $('drop').classList.remove('over');
  // What is dropped may be a folder, which has no bytes of its own.
  const folders = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()?.isDirectory ?? false);
  const files = [...event.dataTransfer.files];
  add(files.filter((_, at) => !folders[at]));
  const left = files.filter((_, at) => folders[at]).map(({ name }) => name);
  if (left.length > 0) $('summary').textContent = `Not taken, for it is a folder: ${left.join(', ')}. Drop the files in it.`;
});

token.value = sessionStorage.getItem('token') ?? '';

const types = contract.components.schemas.UploadType;
$('type').append(...types.enum.map((number, at) => new Option(`${types['x-enum-varnames'][at]} (${number})`, number)));
