// What the kernel says and is told. README.md beside this file describes each message.
export {};
