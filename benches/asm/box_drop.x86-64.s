# box_drop: 18 instructions, budget 18
# rustc 1.95.0
 0  mov rax,rdi
 1  shr rax,0x20
 2  lea rcx,[rip+<..>]
 3  mov rax,QWORD PTR [rcx+rax*8+0x2b8]
 4  mov ecx,edi
 5  shr ecx,0x10
 6  mov eax,DWORD PTR [rax+rcx*4]
 7  mov rcx,0xffffffffffffffe0
 8  mov rcx,QWORD PTR fs:[rcx]
 9  xor rax,QWORD PTR [rcx+0xf00]
10  cmp rax,0x500
11  jae <off the path>
12  mov rdx,QWORD PTR [rcx+rax*1]
13  cmp rdx,QWORD PTR [rcx+rax*1+0x8]
14  je <off the path>
15  mov QWORD PTR [rdx],rdi
16  add rdx,0x8
17  mov QWORD PTR [rcx+rax*1],rdx
18  ret
