# The platform without torch and engine: enough for an engine of yours with keyword search. See docs/service.md.
FROM python:3.11-slim
WORKDIR /app
COPY constraints.txt pyproject.toml README.md LICENSE ./
COPY docmind_core docmind_core
COPY dagster_project dagster_project
RUN pip install --no-cache-dir -c constraints.txt -e .
ENV DOCMIND_HOME=/home/docmind
CMD ["docmind", "ui"]
