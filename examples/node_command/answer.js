// Reads one line of JSON and writes one. The client reads OPENAI_BASE_URL and OPENAI_API_KEY from the environment.
const { OpenAI } = require("openai");
const readline = require("node:readline");

readline.createInterface({ input: process.stdin }).once("line", async (line) => {
  const { question, history } = JSON.parse(line);
  const reply = await new OpenAI().chat.completions.create(
    {
      model: process.env.MODEL,
      messages: [
        { role: "system", content: "You answer in one short sentence." },
        ...history,
        { role: "user", content: question },
      ],
      max_tokens: 64,
      temperature: 0,
    },
    { headers: { "x-docmind-agent": "node_answerer" } },
  );
  console.log(JSON.stringify({ answer: reply.choices[0].message.content, sources: [] }));
  process.exit(0);
});
